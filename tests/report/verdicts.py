"""Verdicts as `check` makes them, and what an output writes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any

from ecirun.cli.judging import bench_of, judged
from ecirun.policy.load import load_policy
from ecirun.report.output import Head, Output, Tally
from ecirun.report.verdict import Verdict

# One error of the policy, one warning, one note of a PodSecurityPolicy's default and one ignored error.
POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
  annotations: {ecirun/ignore: "host-pid (it is a debugger, and stays on the laptop)"}
spec:
  hostPID: true
  hostIPC: true
  containers:
  - name: main
    image: busybox
    securityContext: {capabilities: {add: [SYS_TIME, SYS_TIME]}}
  priorityClassName: high
"""
FINE = "apiVersion: v1\nkind: Pod\nmetadata: {name: fine}\nspec:\n  containers: [{name: c, image: busybox}]\n"

GIVEN: dict[str, Any] = {"unsupported": "refuse", "writable_root": False, "validate": "strict"}


def verdicts(file: str, *admission: str, policy: str = "eci-2024-02-26") -> list[Verdict]:
    """The verdicts on the pods of a file."""
    given = {**GIVEN, "admission": admission}
    with closing(_judged(file, given, policy)) as found:
        return list(found)


def _judged(file: str, given: dict[str, Any], policy: str) -> Iterator[Verdict]:
    for _reading, verdict in judged(file, bench_of(given, load_policy(policy), ignore=True)):
        yield verdict


def written(
    make: Callable[[Callable[[str], object]], Output],
    found: Iterable[Verdict],
    *,
    fail_on_warning: bool = False,
    head: Head = Head("eci-2024-02-26", ""),  # noqa: B008
) -> str:
    """What the output writes of the verdicts."""
    parts: list[str] = []
    output = make(parts.append)
    tally = Tally()
    output.begin(head._replace(fail_on_warning=fail_on_warning))
    for verdict in found:
        tally = tally.plus(verdict)
        output.add(verdict)
    output.end(tally)
    return "".join(parts)
