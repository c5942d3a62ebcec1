"""A conformance case: a pod that differs from a minimal one in a few lines, and what a user sees of it.

Cases are tables in `cases/*.toml`:

    [[case]]
    what = "a sentence; the test's name"
    source = "where the rule or the idea of the case is from"
    pod, container = lines of the spec (2 and 4 more blanks deep); spec = a whole document instead
    image = {User = "7", ...}          the image's configuration, where busybox will not do; files = {path = text} added to it
    options = ["--network", "none"]    of `ecirun run`
    name = "test"                      metadata.name
    prints = {command = output}        commands of a shell in the pod, all in one launch; output is both streams, without the
                                       last line feed, and the exit code in brackets unless it is 0
    command = [...]                    what follows `--` instead of the commands of `prints`; none at all: what the spec says
    stdin = "text"                     for the workload with the option -i
    exit, stdout, stderr               how that ends; stderr with what ecirun itself says, which may break off with `…`
    plan = {"path.in.the.plan" = value}
    runs = false                       only planned, not run
    xfail = "…"                        why the case fails today
"""

from __future__ import annotations

import tomllib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from running import pod_yaml

CASES = Path(__file__).parent / "cases"
SHOWN_BY = 'for command; do sh -c "$command" 2>&1; printf "\\000%s\\000" $?; done'


class Case(NamedTuple):
    """One case as its file has it."""

    what: str
    pod: str = ""
    container: str = ""
    spec: str = ""
    name: str = "test"
    source: str = ""
    image: dict[str, Any] | None = None
    files: dict[str, str] = {}  # noqa: RUF012  (never changed)
    options: list[str] = []  # noqa: RUF012
    prints: dict[str, str] = {}  # noqa: RUF012
    command: list[str] | None = None
    stdin: str | None = None
    exit: int = 0
    stdout: str = ""
    stderr: str | None = None
    plan: dict[str, Any] = {}  # noqa: RUF012
    runs: bool = True
    xfail: str = ""

    @property
    def yaml(self) -> str:
        """The document, of a pod in the image `self.what` when the case has an image of its own."""
        if self.spec:
            return self.spec
        image = self.image_name if self.has_image else "busybox"
        # What the spec runs itself is restarted, unless it says otherwise; what follows `--` runs once.
        once = "" if self.prints or self.command is not None else "\nrestartPolicy: Never"
        return pod_yaml(pod=self.pod + once, container=self.container, name=self.name, image=image)

    @property
    def has_image(self) -> bool:
        return self.image is not None or bool(self.files)

    @property
    def image_name(self) -> str:
        """A reference that depends on the title."""
        return f"image-{zlib.crc32(self.what.encode()):08x}"


def cases() -> Iterator[Case]:
    """Every case of every file."""
    for path in sorted(CASES.glob("*.toml")):
        with path.open("rb") as stream:
            for entry in tomllib.load(stream)["case"]:
                yield Case(**entry)


def shown(output: str) -> Iterator[str]:
    """What each command of `SHOWN_BY` printed, as `prints` writes it."""
    parts = output.split("\0")
    for text, code in zip(parts[0::2], parts[1::2], strict=False):
        yield text.removesuffix("\n") + ("" if code == "0" else f" [{code}]")


def at(document: Any, path: str) -> Any:
    """The value at a path such as `containers.0.user.uid`; `*` collects over a list."""
    here, _, rest = path.partition(".")
    if not here:
        return document
    if here == "*":
        return [at(entry, rest) for entry in document]
    return at(document[int(here)] if isinstance(document, list) else document[here], rest)
