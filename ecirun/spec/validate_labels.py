"""What the API requires of label selectors (apimachinery pkg/apis/meta/v1/validation/validation.go)."""

from __future__ import annotations

from ecirun.spec import names
from ecirun.spec.findings import Findings
from ecirun.spec.validate_field import Values, label_name, labels


def validate_label_selector(findings: Findings, selector: Values, path: str) -> None:
    """Check the selector at `path`."""
    labels(findings, selector.get("matchLabels", {}), f"{path}.matchLabels")
    for index, expression in enumerate(selector.get("matchExpressions", ())):
        where = f"{path}.matchExpressions[{index}]"
        operator, values = expression.get("operator", ""), expression.get("values", ())
        if operator in ("In", "NotIn"):
            if not values:
                findings.required(f"{where}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                findings.forbidden(f"{where}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
        else:
            detail, hint = "not a valid selector operator", "write In, NotIn, Exists or DoesNotExist"
            findings.invalid(f"{where}.operator", operator, detail, hint=hint)
        label_name(findings, expression.get("key", ""), f"{where}.key")
        for at, value in enumerate(values):
            findings.invalid(f"{where}.values[{at}]", value, *names.label_value(value), hint="correct the value")
