"""Findings and verdicts as lines that a person reads."""

from __future__ import annotations

from ecirun.report.verdict import Verdict
from ecirun.spec.finding import Finding


def finding_text(finding: Finding) -> str:
    """One finding: where, what, and what to do about it."""
    lines = [f"{finding.mark}: {finding.severity}: {finding.path}: {finding.message}"]
    if finding.hint:
        lines.append(f"    hint: {finding.hint}")
    rule = finding.rule
    lines.append(f"    rule: {rule.id} ({rule.certainty}) — ecirun explain {rule.id}")
    return "\n".join(lines)


def verdict_text(verdict: Verdict, policy: str) -> str:
    """One pod in one line."""
    name = f"{verdict.kind} {verdict.name}".strip() or "object"
    how = f"{verdict.word} by {policy}" if verdict.stage in (None, "policy") else "refused by the Kubernetes API's own rules"
    return f"{verdict.mark}: {name}: {how}{_counted(verdict)}"


def _counted(verdict: Verdict) -> str:
    counts = []
    for severity in ("error", "warning"):
        number = sum(finding.severity == severity for finding in verdict.findings)
        if number:
            counts.append(f"{number} {severity}" + ("s" if number > 1 else ""))
    return f" ({', '.join(counts)})" if counts else ""
