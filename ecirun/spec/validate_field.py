"""The checks that many fields share (Kubernetes pkg/apis/core/validation/validation.go)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ecirun.spec import names
from ecirun.spec.findings import Findings

Values = Mapping[str, Any]

MAX_ID = 2**31 - 1
ID_RANGE = f"must be between 0 and {MAX_ID}, inclusive"


def in_range(low: int, high: int) -> str:
    """What Kubernetes says of a number outside a range."""
    return f"must be between {low} and {high}, inclusive"


def require(findings: Findings, values: Values, field: str, path: str, detail: str = "", hint: str = "") -> bool:
    """Whether `field` is there and not empty; a finding when not."""
    if values.get(field):
        return True
    findings.required(f"{path}.{field}" if path else field, detail, hint=hint)
    return False


def one_of(
    findings: Findings, values: Values, field: str, path: str, supported: Iterable[str], *, default: bool = False
) -> None:
    """A finding when `field` is set to none of the words; an empty one is unset where Kubernetes has a `default`."""
    value = values.get(field)
    if value is not None and value not in supported and (value or not default):
        findings.unsupported(f"{path}.{field}", value, supported)


def id_in_range(findings: Findings, value: int | None, path: str) -> None:
    """A finding when a uid or gid is out of range."""
    if value is not None and not 0 <= value <= MAX_ID:
        findings.invalid(path, value, ID_RANGE, hint=f"choose an id between 0 and {MAX_ID}")


def not_negative(findings: Findings, values: Values, field: str, path: str) -> None:
    """A finding when the number is below 0."""
    value = values.get(field, 0)
    if value < 0:
        findings.invalid(f"{path}.{field}", value, "must be greater than or equal to 0", hint="give a number from 0 on")


def file_mode(findings: Findings, values: Values, field: str, path: str) -> None:
    """A finding when permission bits are none."""
    mode = values.get(field)
    if mode is not None and not 0 <= mode <= 0o777:
        detail = "must be a number between 0 and 0777 (octal), both inclusive"
        findings.invalid(f"{path}.{field}", mode, detail, hint="write it in octal with a leading 0, as in 0644")


def no_backsteps(findings: Findings, value: str, path: str) -> None:
    """A finding when a path goes up."""
    if ".." in value.split("/"):
        findings.invalid(path, value, "must not contain '..'", hint="name the path without ..")


def inside(findings: Findings, value: str, path: str) -> None:
    """A finding when a path may lead out of where it begins."""
    if value.startswith("/"):
        findings.invalid(path, value, "must be a relative path", hint="leave out the leading /")
    no_backsteps(findings, value, path)


def inside_and_not_reserved(findings: Findings, value: str, path: str) -> None:
    """The same for a file of a volume that the kubelet writes, whose own files there begin with two dots."""
    inside(findings, value, path)
    if value.startswith("..") and not value.startswith("../"):
        findings.invalid(path, value, "must not start with '..'", hint="choose another name for the file")


def label_name(findings: Findings, value: str, path: str) -> None:
    """A finding when a label's key is none."""
    findings.invalid(path, value, *names.qualified_name(value), hint="write it as name, or as example.com/name")


def labels(findings: Findings, values: Mapping[str, str], path: str) -> None:
    """Findings about keys and values of labels; they name the whole map, as Kubernetes does, and stand where the label is."""
    for key, value in values.items():
        mark = findings.where(f"{path}[{key}]")
        findings.invalid(path, key, *names.qualified_name(key), hint=f'correct the key "{key}"', mark=mark)
        findings.invalid(path, value, *names.label_value(value), hint=f'correct the value of "{key}"', mark=mark)


def port_number(findings: Findings, value: int, path: str) -> None:
    """A finding when a port's number is none."""
    if not 1 <= value <= 65535:
        findings.invalid(path, value, in_range(1, 65535), hint="choose a port between 1 and 65535")
