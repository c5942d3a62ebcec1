"""Who judges a pod, in which order: the API's own rules, admission, ECI's policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ecirun.api.host import memory
from ecirun.policy.judge import Options, judge
from ecirun.policy.load import Policy
from ecirun.record import Record
from ecirun.report.verdict import Verdict, verdict_of
from ecirun.spec.finding import Finding
from ecirun.spec.findings import Validate
from ecirun.spec.read import Reading

Unsupported = Literal["refuse", "ignore"]


class Bench(Record):
    """Who judges, and how strictly. `gates` is None when admission was not asked for; `ignore` heeds ecirun/ignore."""

    policy: Policy
    options: Options
    validate: Validate
    gates: Any = None  # ecirun.policy.admission.load.Gates, which is imported only when it is asked for
    ignore: bool = False


def bench_for(
    policy: Policy,
    *,
    unsupported: Unsupported,
    writable_root: bool,
    validate: Validate = "strict",
    admission: Sequence[str] = (),
    allowed_unsafe_sysctls: Sequence[str] = (),
    ignore: bool = False,
) -> Bench:
    """The bench that the options of `ecirun check` ask for. Raises PolicyUnreadable or UsageError."""
    options = Options(unsupported, writable_root, memory)
    gates = None
    if admission or allowed_unsafe_sysctls:
        from ecirun.policy.admission.load import load_gates

        patterns = [part for text in allowed_unsafe_sysctls for part in text.split(",") if part]
        gates = load_gates(admission, patterns)
    return Bench(policy, options, validate, gates, ignore)


def judge_reading(reading: Reading, bench: Bench) -> tuple[Reading, Verdict]:
    """The pod as admission left it, and what is said of it."""
    findings: list[Finding] = list(reading.findings)
    gate = refusal = ""
    if bench.gates is not None:
        from ecirun.policy.admission.stage import admit

        admission = admit(reading, bench.gates.all)
        reading, gate, refusal = admission.reading, admission.refused_by, admission.refusal
        findings += admission.findings
    if reading.pod is not None:
        findings += judge(reading.pod, bench.policy, bench.options)
    if bench.ignore and reading.pod is not None and _asks_to_ignore(reading):
        from ecirun.policy.ignore import ignore

        findings = ignore(findings, reading, bench.policy)
    return reading, verdict_of(reading, findings, gate, refusal)


def who_refuses(verdict: Verdict, bench: Bench) -> str:
    """Who refuses the pod, for a sentence that begins with "it is refused"."""
    if verdict.stage == "policy":
        return f"by {bench.policy.name}"
    if verdict.stage == "admission":
        return f"at admission by {verdict.gate}"
    return "by the Kubernetes API's own rules"


def _asks_to_ignore(reading: Reading) -> bool:
    key = "ecirun/ignore"
    holders = (reading.values.get("metadata", {}), reading.template.get("metadata", {}))
    return any(key in metadata.get("annotations", ()) for metadata in holders)
