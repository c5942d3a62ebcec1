"""What a pod's findings amount to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from ecirun.record import Record
from ecirun.spec.finding import Finding, Severity
from ecirun.spec.pod import Pod
from ecirun.spec.read import Reading
from ecirun.spec.rules import Stage
from ecirun.spec.source import Mark

STAGES: tuple[Stage, ...] = ("spec", "admission", "policy")


class Verdict(Record):
    """One judged pod. `stage` is the first stage that refuses it, or None.

    `gate` is the gate of the admission stage that refuses it, and `refusal` the sentence that a cluster would say.
    """

    kind: str
    name: str
    mark: Mark
    stage: Stage | None
    findings: tuple[Finding, ...]
    gate: str = ""
    refusal: str = ""
    pod: Pod | None = None

    @property
    def word(self) -> Literal["admitted", "refused"]:
        """The verdict as reports print it."""
        return "admitted" if self.stage is None else "refused"

    def count(self, severity: Severity) -> int:
        """How many findings have that severity."""
        return sum(finding.severity == severity for finding in self.findings)


def verdict_of(reading: Reading, findings: Iterable[Finding], gate: str = "", refusal: str = "") -> Verdict:
    """The verdict on a pod from the findings of all stages."""
    ordered = sorted(findings, key=lambda finding: (finding.mark.line, finding.mark.column))
    stages = {finding.rule.stage for finding in ordered if finding.severity == "error"}
    stage = next((stage for stage in STAGES if stage in stages), None)
    if "admission" not in stages:
        gate = refusal = ""
    return Verdict(reading.kind, reading.name, reading.mark, stage, tuple(ordered), gate, refusal, reading.pod)
