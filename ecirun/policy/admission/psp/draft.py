"""The pod while a PodSecurityPolicy changes it, and what the policy has against it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ecirun.policy.admission.pod_values import ContainerValues, PodValues, Values
from ecirun.record import Record
from ecirun.spec.field_error import forbidden, invalid_value, required_value

INHERITED = frozenset(("runAsUser", "runAsGroup", "runAsNonRoot", "seLinuxOptions"))


class Complaint(Record):
    """One field error. `path` is where the field stands, `kubernetes_path` what Kubernetes calls it, `message` the error."""

    rule: str
    path: str
    kubernetes_path: str
    message: str

    def __str__(self) -> str:
        return f"{self.kubernetes_path}: {self.message}"


class Draft:
    """A copy of a pod's values that may be changed. `defaults` are the paths and values that were filled in."""

    def __init__(self, template: Any, pod: PodValues) -> None:
        """`template` is the object's metadata and spec, `pod` a view of the same values."""
        self.template = template
        self.pod = pod
        self.defaults: list[tuple[str, Any]] = []

    def set_in_pod(self, field: str, value: Any) -> None:
        """Fill in a field of the pod's securityContext."""
        self._set(self.template["spec"], self.pod.at("securityContext"), field, value)

    def set_in_container(self, container: ContainerValues, field: str, value: Any) -> None:
        """Fill in a field of a container's securityContext."""
        self._set(container.values, f"{container.path}.securityContext", field, value)

    def set_in_spec(self, field: str, value: Any) -> None:
        """Fill in a field of the spec."""
        self.template["spec"][field] = value
        self.defaults.append((self.pod.at(field), value))

    def annotate(self, key: str, value: str) -> None:
        """Fill in an annotation of the pod."""
        self.template.setdefault("metadata", {}).setdefault("annotations", {})[key] = value
        self.defaults.append((self.pod.annotation_at(key), value))

    def _set(self, holder: Any, path: str, field: str, value: Any) -> None:
        holder.setdefault("securityContext", {})[field] = value
        self.defaults.append((f"{path}.{field}", value))


def effective(pod: PodValues, container: ContainerValues, field: str) -> Any:
    """A field of the container's securityContext, or of the pod's where a container inherits it; None when unset."""
    value = container.context.get(field)
    if value is None and field in INHERITED:
        value = pod.context.get(field)
    return value


def invalid(rule: str, path: str, value: Any, detail: str, kubernetes_path: str = "") -> Complaint:
    """field.Invalid. Go prints what is not there as the word null in quotes."""
    shown = "null" if value is None else value
    message = invalid_value(shown, detail) if detail else invalid_value(shown, "").removesuffix(": ")
    return Complaint(rule, path, kubernetes_path or path, message)


def invalid_list(rule: str, path: str, go_type: str, values: Sequence[Any] | None, detail: str) -> Complaint:
    """field.Invalid of a list, which is printed as Go source."""
    inner = "(nil)" if values is None else "{" + ", ".join(_go(value) for value in values) + "}"
    return Complaint(rule, path, path, f"Invalid value: {go_type}{inner}: {detail}")


def refused(rule: str, path: str, detail: str, kubernetes_path: str) -> Complaint:
    """field.Forbidden"""
    return Complaint(rule, path, kubernetes_path, forbidden(detail))


def required(rule: str, path: str, detail: str = "") -> Complaint:
    """field.Required"""
    return Complaint(rule, path, path, required_value(detail))


def _go(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


__all__ = ["Complaint", "Draft", "Values", "effective", "invalid", "invalid_list", "refused", "required"]
