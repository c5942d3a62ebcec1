"""What a pod's findings amount to."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ecirun.spec.finding import Finding
from ecirun.spec.read import Reading
from ecirun.spec.rules import Stage
from ecirun.spec.source import Mark


class Verdict(NamedTuple):
    """One judged pod. `stage` is the first stage that refuses it, or None."""

    kind: str
    name: str
    mark: Mark
    stage: Stage | None
    findings: tuple[Finding, ...]

    @property
    def word(self) -> Literal["admitted", "refused"]:
        """The verdict as reports print it."""
        return "admitted" if self.stage is None else "refused"


def verdict_of(reading: Reading, policy_findings: list[Finding]) -> Verdict:
    """The verdict on a pod from what the API's rules and the policy's found, all in file order."""
    findings = [*reading.findings, *policy_findings]
    stages = {finding.rule.stage for finding in findings if finding.severity == "error"}
    order: tuple[Stage, ...] = ("spec", "admission", "policy")
    stage = next((stage for stage in order if stage in stages), None)
    findings.sort(key=lambda finding: (finding.mark.line, finding.mark.column))
    return Verdict(reading.kind, reading.name, reading.mark, stage, tuple(findings))
