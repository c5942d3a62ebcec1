"""What the API requires of a container (Kubernetes pkg/apis/core/validation/validation.go)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ecirun.record import Record
from ecirun.spec import names
from ecirun.spec.effects import report_effectless, report_resources
from ecirun.spec.findings import Findings
from ecirun.spec.validate_field import Values, one_of, port_number, require
from ecirun.spec.validate_security import validate_security_context

RESTART_POLICIES = ("Always", "Never", "OnFailure")
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
NOT_FOR_INIT = "may not be set for init containers without restartPolicy=Always"
MAX_RESTART_RULES, MAX_EXIT_CODES = 20, 255


class Surroundings(Record):
    """What the checks of a container look at in its pod. `volumes` are its volumes' kinds by name."""

    volumes: Mapping[str, str]
    claims: Collection[str]
    grace: int
    restart_policy: str
    os_name: str | None
    host_users: bool


def validate_containers(
    findings: Findings, containers: list[dict[str, Any]], path: str, around: Surroundings, taken: set[str], *, init: bool
) -> None:
    """Check one list of containers; `taken` holds the names that are in use already and gains theirs."""
    host_ports: set[str] = set()
    for index, container in enumerate(containers):
        where = f"{path}[{index}]"
        _validate_common(findings, container, where, around)
        name = container.get("name")
        if name in taken:
            findings.duplicate(f"{where}.name", name, hint="give each container its own name")
        elif name:
            taken.add(name)
        # Init containers run one after the other, so each may use the same port of the host.
        _validate_host_ports(findings, container, where, set() if init else host_ports)
        _validate_life(findings, container, where, around, init=init)
        report_effectless(findings, container, "Container", where)
        report_resources(findings, container.get("resources", {}), f"{where}.resources")


def _validate_common(findings: Findings, container: Values, path: str, around: Surroundings) -> None:
    if require(findings, container, "name", path, hint="give the container a name"):
        hint = "use lower case letters, digits and -"
        findings.invalid(f"{path}.name", container["name"], *names.dns_label(container["name"]), hint=hint)
    if require(findings, container, "image", path, hint="name the image to run, such as busybox"):
        image = container["image"]
        if image != image.strip():
            detail = "must not have leading or trailing whitespace"
            findings.invalid(f"{path}.image", image, detail, hint="remove the spaces")
    one_of(findings, container, "terminationMessagePolicy", path, ("File", "FallbackToLogsOnError"), default=True)
    _validate_ports(findings, container.get("ports", ()), f"{path}.ports")
    if "env" in container or "envFrom" in container:
        from ecirun.spec.validate_env import validate_env, validate_env_from

        validate_env(findings, container.get("env", []), f"{path}.env", around.volumes)
        validate_env_from(findings, container.get("envFrom", []), f"{path}.envFrom")
    if "volumeMounts" in container or "volumeDevices" in container:
        from ecirun.spec.validate_mounts import validate_mounts

        validate_mounts(findings, container, path, around.volumes)
    one_of(findings, container, "imagePullPolicy", path, ("Always", "IfNotPresent", "Never"), default=True)
    if "resources" in container:
        from ecirun.spec.validate_resources import validate_resources

        validate_resources(findings, container["resources"], f"{path}.resources", around.claims)
    _validate_resize_policy(findings, container.get("resizePolicy", ()), f"{path}.resizePolicy", around.restart_policy)
    context = container.get("securityContext", {})
    validate_security_context(findings, context, f"{path}.securityContext", host_users=around.host_users)


def _validate_ports(findings: Findings, ports: list[dict[str, Any]], path: str) -> None:
    taken = set()
    for index, port in enumerate(ports):
        where = f"{path}[{index}]"
        if name := port.get("name"):
            if complaints := names.port_name(name):
                hint = "use at most 15 lower case letters, digits and -"
                findings.invalid(f"{where}.name", name, *complaints, hint=hint)
            elif name in taken:
                findings.duplicate(f"{where}.name", name, hint="give each port its own name")
            taken.add(name)
        if require(findings, port, "containerPort", where, hint="give the port's number"):
            port_number(findings, port["containerPort"], f"{where}.containerPort")
        if port.get("hostPort"):
            port_number(findings, port["hostPort"], f"{where}.hostPort")
        one_of(findings, port, "protocol", where, ("SCTP", "TCP", "UDP"), default=True)


def _validate_host_ports(findings: Findings, container: Values, path: str, taken: set[str]) -> None:
    for index, port in enumerate(container.get("ports", ())):
        if port.get("hostPort"):
            text = f"{port.get('protocol') or 'TCP'}/{port.get('hostIP', '')}/{port['hostPort']}"
            if text in taken:
                findings.duplicate(f"{path}.ports[{index}].hostPort", text, hint="use each host port once")
            taken.add(text)


def _validate_resize_policy(findings: Findings, entries: list[dict[str, Any]], path: str, restart_policy: str) -> None:
    taken = set()
    for index, entry in enumerate(entries):
        resource, policy = entry.get("resourceName", ""), entry.get("restartPolicy", "")
        if resource in taken:
            findings.duplicate(f"{path}[{index}]", resource, hint="list each resource once")
        taken.add(resource)
        for value, words in ((resource, ("cpu", "memory")), (policy, ("NotRequired", "RestartContainer"))):
            if not value:
                findings.required(path, hint="give resourceName and restartPolicy in each entry")
            elif value not in words:
                findings.unsupported(path, value, words)
        if restart_policy == "Never" and policy != "NotRequired":
            detail = "must be 'NotRequired' when `restartPolicy` is 'Never'"
            findings.invalid(path, policy, detail, hint="write restartPolicy: NotRequired")


def _validate_life(findings: Findings, container: Values, path: str, around: Surroundings, *, init: bool) -> None:
    """Restart policy, hooks and probes; of the init containers only sidecars have the latter two."""
    _validate_restart_policy(findings, container, path)
    present = [field for field in ("lifecycle", *PROBES) if field in container]
    if not present:
        return
    if init and container.get("restartPolicy") != "Always":
        for field in present:
            findings.forbidden(f"{path}.{field}", NOT_FOR_INIT, hint="remove it, or set restartPolicy: Always")
        return
    from ecirun.spec.validate_handlers import validate_lifecycle, validate_probe

    if "lifecycle" in container:
        validate_lifecycle(findings, container["lifecycle"], f"{path}.lifecycle", around.grace, around.os_name)
    for field in PROBES:
        if field in container:
            validate_probe(findings, container[field], field, f"{path}.{field}")


def _validate_restart_policy(findings: Findings, container: Values, path: str) -> None:
    rules = container.get("restartPolicyRules", ())
    one_of(findings, container, "restartPolicy", path, RESTART_POLICIES)
    if rules and "restartPolicy" not in container:
        findings.required(f"{path}.restartPolicy", "must specify restartPolicy when restart rules are used")
    if len(rules) > MAX_RESTART_RULES:
        findings.too_long(f"{path}.restartPolicyRules", MAX_RESTART_RULES, hint="keep fewer rules")
    for index, rule in enumerate(rules):
        where = f"{path}.restartPolicyRules[{index}]"
        if rule.get("action") not in ("Restart", "RestartAllContainers"):
            findings.unsupported(f"{where}.action", rule.get("action", ""), ("Restart",))
        codes = rule.get("exitCodes")
        if codes is None:
            findings.required(f"{where}.exitCodes", "must be specified")
            continue
        if codes.get("operator") not in ("In", "NotIn"):
            findings.unsupported(f"{where}.exitCodes.operator", codes.get("operator", ""), ("In", "NotIn"))
        if len(codes.get("values", ())) > MAX_EXIT_CODES:
            findings.too_long(f"{where}.exitCodes.values", MAX_EXIT_CODES, hint="keep fewer exit codes")
