"""A case of a whole pod: what `ecirun run` makes of it, black box.

Cases are lists in `cases/*.yaml`:

    - what: a sentence; the test's name
      source: where the rule or the idea of the case is from
      spec: of the pod; `image: busybox` is filled in where a container has none
      metadata: of the pod, beside its name `test`
      beside: further documents of the same input, such as ConfigMaps
      options: of `ecirun run`
      command: what follows `--`
      stdin: text for the workload, for options with -i
      exit, stdout, stderr: how it ends (0, nothing, nothing); stdout and stderr without the last line feed; in both a line
        `…` stands for any lines, and `…` in a line for anything
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

CASES = Path(__file__).parent / "cases"


class PodCase(NamedTuple):
    """One case as its file has it."""

    what: str
    spec: dict[str, Any]
    source: str = ""
    metadata: dict[str, Any] = {}  # noqa: RUF012  (never changed)
    beside: list[dict[str, Any]] = []  # noqa: RUF012
    options: list[str] = []  # noqa: RUF012
    command: list[str] | None = None
    stdin: str | None = None
    exit: int = 0
    stdout: str = ""
    stderr: str = ""

    @property
    def documents(self) -> str:
        """The input."""
        containers = [
            {**({"image": "busybox"} if family != "volumes" else {}), **entry}
            for family in ("initContainers", "containers")
            for entry in self.spec.get(family, ())
        ]
        inits = len(self.spec.get("initContainers", ()))
        spec = {**self.spec, "containers": containers[inits:]}
        if inits:
            spec["initContainers"] = containers[:inits]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "test", **self.metadata}, "spec": spec}
        return yaml.safe_dump_all([*self.beside, pod], sort_keys=False)


def pod_cases() -> Iterator[PodCase]:
    """Every case of every file."""
    for path in sorted(CASES.glob("*.yaml")):
        for entry in yaml.safe_load(path.read_text()):
            yield PodCase(**entry)


def matches(expected: str, text: str) -> bool:
    """Whether the text is what the case expects."""
    pattern = "".join(
        r"(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + r"\n" for line in expected.splitlines()
    )
    return re.fullmatch(pattern, text if text.endswith("\n") or not text else text + "\n") is not None
