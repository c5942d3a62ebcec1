"""What makes a finding the same one from run to run, whatever line it stands in."""

from __future__ import annotations

from hashlib import sha256

from ecirun.report.relative_uri import relative_uri
from ecirun.report.verdict import Verdict
from ecirun.spec.finding import Finding


def fingerprint(verdict: Verdict, finding: Finding) -> str:
    """32 hexadecimal digits: of the file, the object, the rule, the field and its value, but not of the line."""
    parts = (relative_uri(finding.mark.file), verdict.kind, verdict.name, finding.rule.id, finding.path, repr(finding.value))
    return sha256("\0".join(parts).encode()).hexdigest()[:32]
