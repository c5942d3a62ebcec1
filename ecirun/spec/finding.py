"""What is said about one value of a spec, by the API's own rules or by ECI's."""

from __future__ import annotations

from typing import Any, Literal

from ecirun.record import Record
from ecirun.spec.rules import Rule
from ecirun.spec.source import Mark

Severity = Literal["error", "warning", "note"]


class Ignored(Record):
    """What an annotation of the pod made of a finding: the severity that it had, and the reason that the annotation gives."""

    severity: Severity
    reason: str


class Finding(Record):
    """One judgement. `message` is Kubernetes' field error without the path: `Invalid value: "x": why`.

    A finding that the pod asks to ignore is a note, and `ignored` says what it was.

    >>> finding = ecirun.check(ecirun.pod(capabilities=["SYS_RAWIO"]))[0]
    >>> finding.severity, finding.rule.id, finding.path
    ('error', 'capability-needs-ticket', 'spec.containers[0].securityContext.capabilities.add[0]')
    >>> finding.hint
    'remove SYS_RAWIO, or ask Alibaba Cloud for it with a ticket'
    """

    rule: Rule
    severity: Severity
    path: str
    value: Any
    message: str
    hint: str
    mark: Mark
    ignored: Ignored | None = None

    def as_json(self) -> dict[str, Any]:
        """The finding as the object that `check -o json` documents."""
        return {
            "rule": self.rule.id,
            "severity": self.severity,
            "path": self.path,
            "value": self.value,
            "message": self.message,
            "hint": self.hint,
            "file": self.mark.file,
            "line": self.mark.line,
            "column": self.mark.column,
            "certainty": self.rule.certainty,
            "source": self.rule.source,
        }
