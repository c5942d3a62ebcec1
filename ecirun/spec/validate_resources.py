"""What the API requires of resources (Kubernetes pkg/apis/core/validation/validation.go, pkg/apis/core/helper/helpers.go)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from ecirun.spec import names
from ecirun.spec.findings import Findings
from ecirun.spec.quantity import BadQuantity, Quantity, parse_quantity
from ecirun.spec.validate_field import Values

STANDARD = frozenset(
    "cpu memory ephemeral-storage requests.cpu requests.memory requests.ephemeral-storage limits.cpu limits.memory "
    "limits.ephemeral-storage pods resourcequotas services replicationcontrollers secrets configmaps persistentvolumeclaims "
    "storage requests.storage services.nodeports services.loadbalancers".split()
)
# Resources that are counted, not measured.
WHOLE = frozenset(
    "pods resourcequotas services replicationcontrollers secrets configmaps persistentvolumeclaims services.nodeports "
    "services.loadbalancers".split()
)
FOR_CONTAINERS = ("cpu", "ephemeral-storage", "memory")
FOR_PODS = ("cpu", "hugepages-", "memory")

HUGEPAGES = "hugepages-"


def validate_resources(findings: Findings, resources: Values, path: str, claims: Collection[str]) -> None:
    """Check a container's resources; `claims` are the names in the pod's resourceClaims."""
    _validate_amounts(findings, resources, path, _container_resource)
    _validate_claims(findings, resources.get("claims", ()), f"{path}.claims", claims)


def validate_pod_resources(findings: Findings, spec: Values, path: str) -> None:
    """Check the resources of the pod as a whole, and that its containers stay within them."""
    resources, where = spec["resources"], f"{path}.resources"
    if "claims" in resources:
        findings.forbidden(f"{where}.claims", "claims may not be set for Resources at pod-level")
    _validate_amounts(findings, resources, where, _pod_resource)
    requests = _parsed(resources.get("requests", {}))
    for name, asked in _sum_of_requests(spec).items():
        if name in requests and asked.billionths > requests[name].billionths:
            detail = f"must be greater than or equal to aggregate container requests of {asked.canonical()}"
            hint = "raise the pod's request, or lower those of its containers"
            findings.invalid(f"{where}.requests[{name}]", requests[name].canonical(), detail, hint=hint)
    limits = _parsed(resources.get("limits", {}))
    for index, container in enumerate(spec.get("containers", ())):
        for name, limit in _parsed(container.get("resources", {}).get("limits", {})).items():
            if name in limits and limit.billionths > limits[name].billionths:
                detail = f"must be less than or equal to pod limits of {limits[name].canonical()}"
                hint = "lower the container's limit, or raise the pod's"
                container_path = f"{path}.containers[{index}].resources.limits[{name}]"
                findings.invalid(container_path, limit.canonical(), detail, hint=hint)


def _validate_amounts(
    findings: Findings, resources: Values, path: str, name_complaint: Callable[[Findings, str, str], None]
) -> None:
    limits, requests = resources.get("limits", {}), resources.get("requests", {})
    for family, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            where = f"{path}.{family}[{name}]"
            name_complaint(findings, name, where)
            _validate_amount(findings, name, amount, where)
    for name, amount in requests.items():
        _compare(findings, name, parse_quantity(amount), limits, path)
    named = {name for amounts in (limits, requests) for name in amounts}
    if any(name.startswith(HUGEPAGES) for name in named) and not named & {"cpu", "memory"}:
        findings.forbidden(path, "HugePages require cpu or memory", hint="add a limit of cpu or memory")


def _compare(findings: Findings, name: str, request: Quantity, limits: Mapping[str, str], path: str) -> None:
    mark = findings.where(f"{path}.requests[{name}]")
    may_exceed = name in ("cpu", "memory", "ephemeral-storage") or ("/" not in name and not name.startswith(HUGEPAGES))
    if name not in limits:
        if not may_exceed:
            detail = "Limit must be set for non overcommitable resources"
            findings.required(f"{path}.limits", detail, hint=f"add a limit of {name} that equals the request")
        return
    limit = parse_quantity(limits[name])
    if not may_exceed and request.billionths != limit.billionths:
        detail = f"must be equal to {name} limit of {limit.canonical()}"
    elif request.billionths > limit.billionths:
        detail = f"must be less than or equal to {name} limit of {limit.canonical()}"
    else:
        return
    hint = "raise the limit or lower the request"
    findings.invalid(f"{path}.requests", request.canonical(), detail, hint=hint, mark=mark)


def _container_resource(findings: Findings, name: str, path: str) -> None:
    hint = "use cpu, memory or ephemeral-storage"
    if complaints := names.qualified_name(name):
        findings.invalid(path, name, *complaints, hint=hint)
    elif "/" not in name:
        if name not in STANDARD and not name.startswith(HUGEPAGES):
            findings.invalid(path, name, "must be a standard resource type or fully qualified", hint=hint)
        if name not in FOR_CONTAINERS and not name.startswith(HUGEPAGES):
            findings.invalid(path, name, "must be a standard resource for containers", hint=hint)
    elif not _is_extended(name) and not name.partition("/")[0].endswith("kubernetes.io"):
        findings.invalid(path, name, "doesn't follow extended resource name standard", hint=hint)


def _is_extended(name: str) -> bool:
    native = "/" not in name or "kubernetes.io/" in name
    return not native and not name.startswith("requests.") and not names.qualified_name(f"requests.{name}")


def _pod_resource(findings: Findings, name: str, path: str) -> None:
    if complaints := names.qualified_name(name):
        findings.invalid(path, name, *complaints, hint="use cpu or memory")
    elif "/" not in name and name not in STANDARD and not name.startswith(HUGEPAGES):
        findings.invalid(path, name, "must be a standard resource type or fully qualified", hint="use cpu or memory")
    elif name not in ("cpu", "memory") and not name.startswith(HUGEPAGES):
        findings.unsupported(path, name, FOR_PODS, hint="use cpu or memory")


def _validate_amount(findings: Findings, name: str, amount: str, path: str) -> None:
    quantity = parse_quantity(amount)
    if quantity.billionths < 0:
        detail = "must be greater than or equal to 0"
        findings.invalid(path, quantity.canonical(), detail, hint="give an amount that is not negative")
    counted = name in WHOLE or _is_extended(name)
    if counted and quantity.billionths % 10**9:
        findings.invalid(path, quantity.canonical(), "must be an integer", hint="give a whole number")
    if name.startswith(HUGEPAGES):
        try:
            size = parse_quantity(name.removeprefix(HUGEPAGES)).billionths
        except BadQuantity:
            size = 0
        if not size or quantity.billionths % size:
            detail = f"{quantity.canonical()} is not positive integer multiple of {name}"
            findings.invalid(path, quantity.canonical(), detail, hint="give a multiple of the page size")


def _validate_claims(findings: Findings, claims: list[dict[str, Any]], path: str, known: Collection[str]) -> None:
    taken: set[str] = set()
    for index, claim in enumerate(claims):
        where, name = f"{path}[{index}]", claim.get("name", "")
        if not name:
            findings.required(where, hint="name one of the pod's resourceClaims")
            continue
        key = f"{name}/{claim['request']}" if claim.get("request") else name
        if claim.get("request"):
            complaints = names.dns_label(claim["request"])
            findings.invalid(f"{where}.request", claim["request"], *complaints, hint="correct the name")
        if name in taken or key in taken or (key == name and any(entry.startswith(f"{name}/") for entry in taken)):
            findings.duplicate(where, key, hint="list each claim once")
        taken.add(key)
        if name not in known:
            listed = ": " + ", ".join(sorted(known)) if known else " which is empty"
            detail = f"must be one of the names in pod.spec.resourceClaims{listed}"
            findings.not_found(where, name, detail, hint="add the claim to spec.resourceClaims")


def _parsed(amounts: Mapping[str, str]) -> dict[str, Quantity]:
    return {name: parse_quantity(amount) for name, amount in amounts.items()}


def _sum_of_requests(spec: Values) -> dict[str, Quantity]:
    """What the containers ask for together, init containers as far as they run at another time taken apart
    (component-helpers resource/helpers.go, AggregateContainerRequests)."""
    total: dict[str, Quantity] = {}
    for container in spec.get("containers", ()):
        _add(total, _asked(container))
    sidecars: dict[str, Quantity] = {}
    for container in spec.get("initContainers", ()):
        asked = _asked(container)
        if container.get("restartPolicy") == "Always":
            _add(total, asked)
            _add(sidecars, asked)
            asked = sidecars
        else:
            _add(asked, sidecars)
        for name, amount in asked.items():
            if name not in total or amount.billionths > total[name].billionths:
                total[name] = amount
    return total


def _asked(container: Values) -> dict[str, Quantity]:
    resources = container.get("resources", {})
    return _parsed(resources.get("limits", {})) | _parsed(resources.get("requests", {}))


def _add(total: dict[str, Quantity], more: Mapping[str, Quantity]) -> None:
    for name, amount in more.items():
        known = total.get(name)
        total[name] = Quantity(known.billionths + amount.billionths, known.format) if known else amount
