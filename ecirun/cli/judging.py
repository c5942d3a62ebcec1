"""From SPEC on the command line to judged pods: the API's own rules, admission, ECI's policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ecirun.api.bench import Bench, bench_for, judge_reading, who_refuses
from ecirun.cli import streams
from ecirun.cli.sources import STDIN, open_spec
from ecirun.errors import PodRefused, UsageError
from ecirun.policy.load import Policy
from ecirun.report.verdict import Verdict
from ecirun.spec import Reading, stream_pods
from ecirun.spec.pod import Pod
from ecirun.spec.yaml_tree import MapNode


def bench_of(given: Mapping[str, Any], policy: Policy, *, ignore: bool = False) -> Bench:
    """The bench that the options ask for. Raises PolicyUnreadable or UsageError."""
    return bench_for(
        policy,
        unsupported=given["unsupported"],
        writable_root=given["writable_root"],
        validate=given["validate"],
        admission=given.get("admission", ()),
        allowed_unsafe_sysctls=given.get("allowed_unsafe_sysctls", ()),
        ignore=ignore,
    )


def judged(
    spec: str,
    bench: Bench,
    *,
    among_others: bool = False,
    stdin_name: str = "<stdin>",
    on_other: Callable[[MapNode], None] | None = None,
) -> Iterator[tuple[Reading, Verdict]]:
    """Every pod of SPEC with its verdict, each as soon as it is read; `on_other` sees the objects that hold none.

    Raises SpecUnreadable or PolicyUnreadable.
    """
    stream, file = open_spec(spec, stdin_name)

    def see(node: MapNode) -> None:
        _learn_namespace(node, bench)
        if on_other is not None:
            on_other(node)

    with stream:
        for reading in stream_pods(stream, file, validate=bench.validate, strangers=among_others, on_other=see):
            yield judge_reading(reading, bench)


def _learn_namespace(node: MapNode, bench: Bench) -> None:
    """A Namespace that stands before its pods may say how they are judged."""
    namespaces = bench.gates.namespaces if bench.gates is not None else None
    if namespaces is not None:
        from ecirun.policy.admission.load import kind_of, learn

        if kind_of(node) == "Namespace":
            learn(namespaces, node)


def say_findings(verdict: Verdict, *, quiet: bool) -> None:
    """The findings on stderr; with `quiet` the errors only."""
    if not verdict.findings and not verdict.refusal:
        return  # as of most pods, for which nobody need know how to write them
    from ecirun.report.text import finding_text, refusal_text

    for finding in verdict.findings:
        if finding.severity == "error" or not quiet:
            streams.err(finding_text(finding))
    if verdict.refusal:
        streams.err(refusal_text(verdict))


def admitted_pod(
    spec: str, given: Mapping[str, Any], policy: Policy, on_other: Callable[[MapNode], None], *, say_warnings: bool
) -> Pod:
    """The first pod of SPEC, as admission left it, which the policy admits; its findings go to stderr.

    `on_other` sees the objects that hold no pod.

    Raises PodRefused when the pod has errors.
    """
    if spec == STDIN and given.get("stdin"):
        raise UsageError(
            "Can't give standard input to the workload: the spec is read from it",
            hint="read the spec from a file, or leave out -i",
        )
    bench = bench_of(given, policy)
    first, *others = list(judged(spec, bench, on_other=on_other))
    reading, verdict = first
    say_findings(verdict, quiet=not say_warnings)
    what = f'pod "{verdict.name}"' if verdict.name else "the pod"
    if verdict.stage is not None or reading.pod is None:
        who = who_refuses(verdict, bench)
        raise PodRefused(f"Can't run {what}: it is refused {who}", hint="correct what is said above; nothing was started")
    if others and say_warnings:
        names = ", ".join(f'"{other.name}"' for other, _verdict in others)
        streams.err(f'ecirun: warning: of {len(others) + 1} pods only the first, "{reading.name}", is taken; not: {names}')
    return reading.pod
