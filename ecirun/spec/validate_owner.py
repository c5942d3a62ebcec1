"""What the API requires of a workload around its pod template (Kubernetes pkg/apis/apps/validation, pkg/apis/batch/validation).

The pod of the template runs here whatever its owner says, so what is wrong with the owner is a warning only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecirun.spec.effects import MEANING
from ecirun.spec.field_error import invalid_value, required_value
from ecirun.spec.findings import Findings

Values = Mapping[str, Any]

SELECTING = ("Deployment", "StatefulSet", "ReplicaSet", "DaemonSet", "ReplicationController")
# Beside the template, what says no more than which pods are the owner's.
IDENTITY = ("selector", "metadata", "serviceName")


def report_owner(findings: Findings, values: Values, kind: str, template: tuple[str, ...]) -> None:
    """Warn about what the API would refuse in the owner, and about what has no effect on one pod that runs once."""
    if kind in SELECTING:
        _report_selector(findings, values.get("spec", {}), kind)
    elif kind == "CronJob" and not values.get("spec", {}).get("schedule"):
        hint = f"add schedule: the API refuses a {kind} without"
        _warn(findings, "required-field", "spec.schedule", None, required_value(), hint)
    path, holder = "", values
    for part in template:
        for name in holder if path else ():
            if name != part and name not in IDENTITY:
                message = f"has no effect here: {MEANING.get(name, 'one pod of the template runs, once')}"
                findings.add("field-has-no-effect", f"{path}.{name}", holder[name], message, severity="warning")
        path = f"{path}.{part}" if path else part
        holder = holder.get(part, {})


def _report_selector(findings: Findings, spec: Values, kind: str) -> None:
    selector = spec.get("selector")
    labels = spec.get("template", {}).get("metadata", {}).get("labels", {})
    if not selector:
        if kind == "ReplicationController" and labels:
            return  # The labels of its template are the default.
        hint = f"add selector: the API refuses a {kind} without"
        _warn(findings, "required-field", "spec.selector", None, required_value(), hint)
        return
    wanted = selector if kind == "ReplicationController" else selector.get("matchLabels", {})
    if any(labels.get(key) != value for key, value in wanted.items()):
        message = invalid_value(labels, "`selector` does not match template `labels`")
        hint = f"give the template the labels of the selector: the API refuses a {kind} whose pods are not its own"
        _warn(findings, "invalid-value", "spec.template.metadata.labels", labels, message, hint)


def _warn(findings: Findings, rule: str, path: str, value: Any, message: str, hint: str) -> None:
    findings.add(rule, path, value, message, hint=hint, severity="warning")
