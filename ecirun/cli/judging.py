"""From SPEC on the command line to a judged pod."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import click

from ecirun.errors import PodRefused, SpecUnreadable, UsageError
from ecirun.policy.judge import Options, judge
from ecirun.policy.load import Policy
from ecirun.report.text import finding_text
from ecirun.report.verdict import Verdict, verdict_of
from ecirun.spec import Reading, stream_pods
from ecirun.spec.pod import Pod
from ecirun.spec.yaml_tree import MapNode

EXAMPLE = "example:"


def open_spec(spec: str) -> tuple[BinaryIO, str]:
    """SPEC, open, and the name by which findings call it. Raises SpecUnreadable."""
    if spec.startswith(EXAMPLE):
        from ecirun.examples import example

        return io.BytesIO(example(spec.removeprefix(EXAMPLE))), spec
    if spec == "-":
        return sys.stdin.buffer, "<stdin>"
    try:
        return open(spec, "rb"), spec
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the name has a NUL"
        hint = "give a file, - for standard input, or example:NAME (see `ecirun examples`)"
        raise SpecUnreadable(f"Can't read {spec}: {reason}", where=spec, hint=hint) from None


def judge_spec(
    spec: str, given: Mapping[str, Any], policy: Policy, on_other: Callable[[MapNode], None] | None = None
) -> list[tuple[Reading, Verdict]]:
    """Every pod of SPEC with its verdict; `on_other` sees the objects that hold none. Raises SpecUnreadable."""
    stream, file = open_spec(spec)
    options = Options(given["unsupported"], given["writable_root"], _host_memory)
    judged = []
    with stream:
        for reading in stream_pods(stream, file, validate=given["validate"], on_other=on_other):
            found = judge(reading.pod, policy, options) if reading.pod else []
            judged.append((reading, verdict_of(reading, found)))
    return judged


def say_findings(verdict: Verdict, *, quiet: bool) -> None:
    """The findings on stderr; with `quiet` the errors only."""
    for finding in verdict.findings:
        if finding.severity == "error" or not quiet:
            click.echo(finding_text(finding), err=True)


def admitted_pod(
    spec: str, given: Mapping[str, Any], policy: Policy, on_other: Callable[[MapNode], None], *, say_warnings: bool
) -> Pod:
    """The first pod of SPEC, which the policy admits; its findings go to stderr. `on_other` sees objects that hold no pod.

    Raises PodRefused when the pod has errors.
    """
    if spec == "-" and given.get("stdin"):
        raise UsageError(
            "Can't give standard input to the workload: the spec is read from it",
            hint="read the spec from a file, or leave out -i",
        )
    judged = judge_spec(spec, given, policy, on_other)
    reading, verdict = judged[0]
    say_findings(verdict, quiet=not say_warnings)
    if verdict.stage is not None or reading.pod is None:
        by = policy.name if verdict.stage == "policy" else "the Kubernetes API's own rules"
        what = f'pod "{verdict.name}"' if verdict.name else "the pod"
        raise PodRefused(f"Can't run {what}: it is refused by {by}", hint="correct what is said above; nothing was started")
    if len(judged) > 1 and say_warnings:
        others = ", ".join(f'"{other.name}"' for other, _verdict in judged[1:])
        click.echo(
            f'ecirun: warning: of {len(judged)} pods only the first, "{reading.name}", is taken; not: {others}', err=True
        )
    return reading.pod


def _host_memory() -> int | None:
    import psutil

    total: int = psutil.virtual_memory().total
    return total
