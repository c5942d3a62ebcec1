"""What the API requires of the fields that choose a node (Kubernetes pkg/apis/core/validation/validation.go)."""

from __future__ import annotations

from typing import Any

from ecirun.spec import names
from ecirun.spec.findings import Findings
from ecirun.spec.validate_field import Values, label_name, labels, require
from ecirun.spec.validate_labels import validate_label_selector

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def validate_scheduling(findings: Findings, spec: Values, path: str) -> None:
    """Check nodeSelector, affinity, gates and spread constraints of the pod spec at `path`."""
    labels(findings, spec.get("nodeSelector", {}), f"{path}.nodeSelector")
    affinity = spec.get("affinity", {})
    if "nodeAffinity" in affinity:
        _validate_node_affinity(findings, affinity["nodeAffinity"], f"{path}.affinity.nodeAffinity")
    for field in ("podAffinity", "podAntiAffinity"):
        if field in affinity:
            _validate_pod_affinity(findings, affinity[field], f"{path}.affinity.{field}")
    for index, gate in enumerate(spec.get("readinessGates", ())):
        label_name(findings, gate.get("conditionType", ""), f"{path}.readinessGates[{index}].conditionType")
    taken: set[str] = set()
    for index, gate in enumerate(spec.get("schedulingGates", ())):
        where, name = f"{path}.schedulingGates[{index}]", gate.get("name", "")
        label_name(findings, name, where)
        if name in taken:
            findings.duplicate(where, name, hint="list each gate once")
        taken.add(name)
    constraints = spec.get("topologySpreadConstraints", ())
    for index, constraint in enumerate(constraints):
        where = f"{path}.topologySpreadConstraints[{index}]"
        _validate_spread(findings, constraint, constraints[index + 1 :], where)


def validate_tolerations(findings: Findings, tolerations: list[dict[str, Any]], path: str) -> None:
    """Check the tolerations."""
    for index, toleration in enumerate(tolerations):
        where = f"{path}[{index}]"
        key, operator = toleration.get("key", ""), toleration.get("operator", "")
        value, effect = toleration.get("value", ""), toleration.get("effect", "")
        if key:
            label_name(findings, key, f"{where}.key")
        elif operator != "Exists":
            detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            findings.invalid(f"{where}.operator", operator, detail, hint="add a key, or write operator: Exists")
        if "tolerationSeconds" in toleration and effect != "NoExecute":
            detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            findings.invalid(f"{where}.effect", effect, detail, hint="write effect: NoExecute, or remove tolerationSeconds")
        if operator in ("", "Equal"):
            if complaints := names.label_value(value):
                findings.invalid(f"{where}.operator", value, ";".join(complaints), hint="correct the value")
        elif operator == "Exists":
            if value:
                detail = "value must be empty when `operator` is 'Exists'"
                findings.invalid(f"{where}.operator", value, detail, hint="remove value, or write operator: Equal")
        else:
            findings.unsupported(f"{where}.operator", operator, ("Equal", "Exists"))
        if effect and effect not in EFFECTS:
            findings.unsupported(f"{where}.effect", effect, EFFECTS)


def _validate_node_affinity(findings: Findings, affinity: Values, path: str) -> None:
    where = f"{path}.requiredDuringSchedulingIgnoredDuringExecution"
    selector = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if selector is not None:
        terms = selector.get("nodeSelectorTerms", ())
        if not terms:
            detail = "must have at least one node selector term"
            findings.required(f"{where}.nodeSelectorTerms", detail, hint="add a term with matchExpressions")
        for index, term in enumerate(terms):
            _validate_term(findings, term, f"{where}.nodeSelectorTerms[{index}]", any_value=False)
    for index, term in enumerate(affinity.get("preferredDuringSchedulingIgnoredDuringExecution", ())):
        at = f"{path}.preferredDuringSchedulingIgnoredDuringExecution[{index}]"
        _validate_weight(findings, term, at)
        _validate_term(findings, term.get("preference", {}), f"{at}.preference", any_value=True)


def _validate_weight(findings: Findings, term: Values, path: str) -> None:
    weight = term.get("weight", 0)
    if not 1 <= weight <= 100:
        findings.invalid(f"{path}.weight", weight, "must be in the range 1-100", hint="give a weight from 1 to 100")


def _validate_term(findings: Findings, term: Values, path: str, *, any_value: bool) -> None:
    for index, expression in enumerate(term.get("matchExpressions", ())):
        where = f"{path}.matchExpressions[{index}]"
        operator, values = expression.get("operator", ""), expression.get("values", ())
        if operator in ("In", "NotIn"):
            if not values:
                findings.required(f"{where}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                findings.forbidden(f"{where}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
        elif operator in ("Gt", "Lt"):
            if len(values) != 1:
                findings.required(f"{where}.values", "must be specified single value when `operator` is 'Lt' or 'Gt'")
        else:
            hint = "write In, NotIn, Exists, DoesNotExist, Gt or Lt"
            findings.invalid(f"{where}.operator", operator, "not a valid selector operator", hint=hint)
        label_name(findings, expression.get("key", ""), f"{where}.key")
        for at, value in enumerate(() if any_value else values):
            findings.invalid(f"{where}.values[{at}]", value, *names.label_value(value), hint="correct the value")
    for index, expression in enumerate(term.get("matchFields", ())):
        _validate_node_field(findings, expression, f"{path}.matchFields[{index}]")


def _validate_node_field(findings: Findings, expression: Values, path: str) -> None:
    operator, values = expression.get("operator", ""), expression.get("values", ())
    if operator not in ("In", "NotIn"):
        findings.invalid(f"{path}.operator", operator, "not a valid selector operator", hint="write In or NotIn")
    elif len(values) != 1:
        detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        findings.required(f"{path}.values", detail, hint="give one value")
    if expression.get("key") != "metadata.name":
        detail = "not a valid field selector key"
        findings.invalid(f"{path}.key", expression.get("key", ""), detail, hint="write key: metadata.name")
        return
    for at, value in enumerate(values):
        findings.invalid(f"{path}.values[{at}]", value, *names.dns_subdomain(value), hint="name a node")


def _validate_pod_affinity(findings: Findings, affinity: Values, path: str) -> None:
    for index, term in enumerate(affinity.get("requiredDuringSchedulingIgnoredDuringExecution", ())):
        _validate_affinity_term(findings, term, f"{path}.requiredDuringSchedulingIgnoredDuringExecution[{index}]")
    for index, term in enumerate(affinity.get("preferredDuringSchedulingIgnoredDuringExecution", ())):
        where = f"{path}.preferredDuringSchedulingIgnoredDuringExecution[{index}]"
        _validate_weight(findings, term, where)
        _validate_affinity_term(findings, term.get("podAffinityTerm", {}), f"{where}.podAffinityTerm")


def _validate_affinity_term(findings: Findings, term: Values, path: str) -> None:
    for field in ("labelSelector", "namespaceSelector"):
        if field in term:
            validate_label_selector(findings, term[field], f"{path}.{field}")
    for name in term.get("namespaces", ()):
        findings.invalid(f"{path}.namespace", name, *names.dns_label(name), hint="name a namespace")
    _validate_label_keys(findings, term, path)
    if require(findings, term, "topologyKey", path, "can not be empty"):
        label_name(findings, term["topologyKey"], f"{path}.topologyKey")


def _validate_label_keys(findings: Findings, term: Values, path: str) -> None:
    selector = term.get("labelSelector")
    for field in ("matchLabelKeys", "mismatchLabelKeys"):
        keys = term.get(field, ())
        if keys and selector is None:
            findings.forbidden(f"{path}.{field}", "must not be specified when labelSelector is not set")
            continue
        for index, key in enumerate(keys):
            label_name(findings, key, f"{path}.{field}[{index}]")
    for index, key in enumerate(term.get("matchLabelKeys", ())):
        if key in term.get("mismatchLabelKeys", ()):
            detail = "exists in both matchLabelKeys and mismatchLabelKeys"
            findings.invalid(f"{path}.matchLabelKeys[{index}]", key, detail, hint="keep it in one of them")


def _validate_spread(findings: Findings, constraint: Values, later: list[dict[str, Any]], path: str) -> None:
    skew, action, key = constraint.get("maxSkew", 0), constraint.get("whenUnsatisfiable", ""), constraint.get("topologyKey", "")
    if skew <= 0:
        findings.invalid(f"{path}.maxSkew", skew, "must be greater than zero", hint="give a number from 1 on")
    require(findings, constraint, "topologyKey", path, "can not be empty")
    if action not in ("DoNotSchedule", "ScheduleAnyway"):
        findings.unsupported(f"{path}.whenUnsatisfiable", action, ("DoNotSchedule", "ScheduleAnyway"))
    if any((key, action) == (other.get("topologyKey", ""), other.get("whenUnsatisfiable", "")) for other in later):
        pair = f"{{{key}, {action}}}"
        findings.duplicate(f"{path}.{{topologyKey, whenUnsatisfiable}}", pair, hint="keep one constraint for each pair")
    domains = constraint.get("minDomains")
    if domains is not None:
        if domains <= 0:
            findings.invalid(f"{path}.minDomains", domains, "must be greater than zero", hint="give a number from 1 on")
        if action != "DoNotSchedule":
            detail = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
            findings.invalid(f"{path}.minDomains", domains, detail, hint="remove minDomains")
    for field in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
        if field in constraint and constraint[field] not in ("Honor", "Ignore"):
            findings.unsupported(f"{path}.{field}", constraint[field], ("Honor", "Ignore"))
    _validate_label_keys(findings, constraint, path)
    if "labelSelector" in constraint:
        validate_label_selector(findings, constraint["labelSelector"], f"{path}.labelSelector")


def validate_resource_claims(findings: Findings, claims: list[dict[str, Any]], path: str) -> None:
    """Check the pod's claims of devices."""
    taken: set[str] = set()
    for index, claim in enumerate(claims):
        where, name = f"{path}[{index}]", claim.get("name", "")
        if not require(findings, claim, "name", where, hint="give the claim a name"):
            pass
        elif name in taken:
            findings.duplicate(f"{where}.name", name, hint="give each claim its own name")
        else:
            findings.invalid(f"{where}.name", name, *names.dns_label(name), hint="use lower case letters, digits and -")
        taken.add(name)
        there = [field for field in ("resourceClaimName", "resourceClaimTemplateName") if field in claim]
        if len(there) == 2:
            detail = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            findings.invalid(where, claim, detail, hint="keep one of them", rule="forbidden-combination")
        elif not there:
            detail = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            findings.invalid(where, claim, detail, hint="name the claim or its template")
        for field in there:
            findings.invalid(f"{where}.{field}", claim[field], *names.dns_subdomain(claim[field]), hint="correct the name")
