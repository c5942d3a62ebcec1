"""The checks that many fields share (Kubernetes pkg/apis/core/validation/validation.go)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecirun.spec.field_error import invalid_value, required_value, unsupported_value
from ecirun.spec.findings import Findings

Values = Mapping[str, Any]

MAX_ID = 2**31 - 1
ID_RANGE = f"must be between 0 and {MAX_ID}, inclusive"


def require(findings: Findings, values: Values, field: str, path: str, detail: str = "", hint: str = "") -> bool:
    """Whether `field` is there and not empty; a finding when not."""
    field_path = f"{path}.{field}" if path else field
    if values.get(field):
        return True
    if field_path not in findings.broken:
        findings.add("required-field", field_path, None, required_value(detail), hint=hint or f"add {field}")
    return False


def one_of(findings: Findings, values: Values, field: str, path: str, supported: tuple[str, ...]) -> None:
    """A finding when `field` is set to none of the words."""
    value = values.get(field)
    if value is None or value in supported:
        return
    from ecirun.spec.schema import nearest

    near = nearest(value, supported)
    hint = f"did you mean {near}?" if near else "choose one of the supported values"
    findings.add("unsupported-value", f"{path}.{field}", value, unsupported_value(value, supported), hint=hint)


def id_in_range(findings: Findings, value: int | None, path: str) -> None:
    """A finding when a uid or gid is out of range."""
    if value is not None and not 0 <= value <= MAX_ID:
        findings.add("invalid-value", path, value, invalid_value(value, ID_RANGE), hint=f"choose an id between 0 and {MAX_ID}")
