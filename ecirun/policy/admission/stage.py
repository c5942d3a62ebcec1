"""The admission stage: every gate that was asked for, in the order in which a cluster asks them."""

from __future__ import annotations

from collections.abc import Sequence

from ecirun.policy.admission.outcome import Gate
from ecirun.record import Record
from ecirun.spec.finding import Finding
from ecirun.spec.read import Reading


class Admission(Record):
    """What the stage says of a pod: the pod as it leaves the stage, and who refused it first, in which words."""

    reading: Reading
    findings: tuple[Finding, ...] = ()
    refused_by: str = ""
    refusal: str = ""


def admit(reading: Reading, gates: Sequence[Gate]) -> Admission:
    """Ask every gate, so that all findings come in one run; a gate sees what the gates before it made of the pod."""
    if reading.pod is None:
        return Admission(reading)
    findings: list[Finding] = []
    refused_by = refusal = ""
    for gate in gates:
        outcome = gate.judge(reading)
        reading = outcome.reading
        findings += outcome.findings
        if outcome.refusal and not refused_by:
            refused_by, refusal = gate.name, outcome.refusal
    return Admission(reading, tuple(findings), refused_by, refusal)
