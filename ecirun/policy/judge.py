"""Pod + policy → findings."""

from __future__ import annotations

from ecirun.policy.case import Case, Options
from ecirun.policy.checks import CHECKS
from ecirun.policy.load import Policy
from ecirun.spec.finding import Finding
from ecirun.spec.pod import Pod

__all__ = ["Options", "judge"]


def judge(pod: Pod, policy: Policy, options: Options) -> list[Finding]:
    """All findings of all checks, in file order."""
    if not policy.judges:
        return []
    case = Case(pod, policy, options)
    found = [finding for check in CHECKS for finding in check(case)]
    return sorted(found, key=lambda finding: (finding.mark.line, finding.mark.column))
