"""What the API requires of a container (Kubernetes pkg/apis/core/validation/validation.go)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ecirun.spec import names
from ecirun.spec.effects import report_effectless, report_resources
from ecirun.spec.field_error import duplicate_value, forbidden, invalid_value, required_value
from ecirun.spec.findings import Findings
from ecirun.spec.quantity import parse_quantity
from ecirun.spec.validate_field import Values, id_in_range, one_of, require
from ecirun.spec.validate_mounts import validate_mounts


def validate_containers(
    findings: Findings, containers: list[dict[str, Any]], path: str, volumes: Collection[str], taken: set[str], *, init: bool
) -> None:
    """Check one list of containers; `taken` holds the names that are in use already and gains theirs."""
    host_ports: set[tuple[Any, ...]] = set()
    for index, container in enumerate(containers):
        where = f"{path}[{index}]"
        _validate_name(findings, container, where, taken)
        _validate_image(findings, container, where)
        _validate_ports(findings, container.get("ports", ()), f"{where}.ports", host_ports)
        _validate_env(findings, container, where)
        validate_mounts(findings, container.get("volumeMounts", ()), f"{where}.volumeMounts", volumes)
        _validate_security_context(findings, container.get("securityContext", {}), f"{where}.securityContext")
        _validate_resources(findings, container.get("resources", {}), f"{where}.resources")
        _validate_lifecycle(findings, container, where, init=init)
        report_effectless(findings, {key: value for key, value in container.items() if key != "envFrom"}, "Container", where)
        report_resources(findings, container.get("resources", {}), f"{where}.resources")


def _validate_name(findings: Findings, container: Values, path: str, taken: set[str]) -> None:
    if not require(findings, container, "name", path, hint="give the container a name"):
        return
    name = container["name"]
    if complaint := names.dns_label(name):
        findings.add("invalid-value", f"{path}.name", name, invalid_value(name, complaint), hint="use lower case, digits and -")
    if name in taken:
        findings.add("duplicate-value", f"{path}.name", name, duplicate_value(name), hint="give each container its own name")
    taken.add(name)


def _validate_image(findings: Findings, container: Values, path: str) -> None:
    if not require(findings, container, "image", path, hint="name the image to run, such as busybox"):
        return
    image = container["image"]
    if image != image.strip():
        findings.add(
            "invalid-value",
            f"{path}.image",
            image,
            invalid_value(image, "must not have leading or trailing whitespace"),
            hint="remove the spaces",
        )
    one_of(findings, container, "imagePullPolicy", path, ("Always", "IfNotPresent", "Never"))
    one_of(findings, container, "terminationMessagePolicy", path, ("FallbackToLogsOnError", "File"))


def _validate_ports(findings: Findings, ports: list[dict[str, Any]], path: str, host_ports: set[tuple[Any, ...]]) -> None:
    taken = set()
    for index, port in enumerate(ports):
        where = f"{path}[{index}]"
        if name := port.get("name"):
            if complaint := names.port_name(name):
                findings.add("invalid-value", f"{where}.name", name, invalid_value(name, complaint), hint="correct the name")
            elif name in taken:
                findings.add(
                    "duplicate-value", f"{where}.name", name, duplicate_value(name), hint="give each port its own name"
                )
            taken.add(name)
        if "containerPort" not in port:
            require(findings, port, "containerPort", where, hint="give the port's number")
        for field in ("containerPort", "hostPort"):
            number = port.get(field)
            if number is not None and not (1 <= number <= 65535 or (field == "hostPort" and number == 0)):
                findings.add(
                    "invalid-value",
                    f"{where}.{field}",
                    number,
                    invalid_value(number, "must be between 1 and 65535, inclusive"),
                    hint="choose a port between 1 and 65535",
                )
        one_of(findings, port, "protocol", where, ("SCTP", "TCP", "UDP"))
        if port.get("hostPort"):
            key = (port.get("protocol", "TCP"), port.get("hostIP", ""), port["hostPort"])
            if key in host_ports:
                text = "/".join(str(part) for part in key)
                findings.add(
                    "duplicate-value", f"{where}.hostPort", text, duplicate_value(text), hint="use each host port once"
                )
            host_ports.add(key)


def _validate_env(findings: Findings, container: Values, path: str) -> None:
    for index, variable in enumerate(container.get("env", ())):
        where = f"{path}.env[{index}]"
        if require(findings, variable, "name", where, hint="give the variable a name"):
            name = variable["name"]
            if complaint := names.env_name(name):
                findings.add("invalid-value", f"{where}.name", name, invalid_value(name, complaint), hint="correct the name")
        source = variable.get("valueFrom")
        if source is None:
            continue
        if variable.get("value"):
            findings.add(
                "forbidden-combination",
                f"{where}.valueFrom",
                source,
                invalid_value("", "may not be specified when `value` is not empty"),
                hint="keep either value or valueFrom",
            )
        elif len(source) != 1:
            detail = "may not have more than one field specified at a time" if source else "must specify one of: " + _SOURCES
            findings.add(
                "invalid-value", f"{where}.valueFrom", source, invalid_value("", detail), hint="keep one source of the value"
            )
        else:
            _no_value_from(findings, f"{where}.valueFrom", source, variable.get("name", ""))
    if container.get("envFrom"):
        _no_value_from(findings, f"{path}.envFrom", container["envFrom"], "")


_SOURCES = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"


def _no_value_from(findings: Findings, path: str, source: Any, name: str) -> None:
    what = f'variable "{name}" is not set' if name else "its variables are not set"
    findings.add(
        "env-value-from-not-set",
        path,
        source,
        f"has no effect here: {what}",
        hint="give a plain value where the workload needs it",
        severity="warning",
    )


def _validate_security_context(findings: Findings, context: Values, path: str) -> None:
    id_in_range(findings, context.get("runAsUser"), f"{path}.runAsUser")
    id_in_range(findings, context.get("runAsGroup"), f"{path}.runAsGroup")
    one_of(findings, context, "procMount", path, ("Default", "Unmasked"))
    report_effectless(findings, context, "SecurityContext", path)
    if context.get("allowPrivilegeEscalation") is not False:
        return
    capabilities = context.get("capabilities", {})
    for cannot, what in (
        (context.get("privileged") is True, "`privileged` to true"),
        ("CAP_SYS_ADMIN" in capabilities.get("add", ()), "`capabilities.Add` CAP_SYS_ADMIN"),
    ):
        if cannot:
            detail = f"cannot set `allowPrivilegeEscalation` to false and {what}"
            findings.add("forbidden-combination", path, "", invalid_value("", detail), hint="remove one of the two")


def _validate_resources(findings: Findings, resources: Values, path: str) -> None:
    limits, requests = resources.get("limits", {}), resources.get("requests", {})
    for family, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            where = f"{path}.{family}[{name}]"
            if not _is_resource(name):
                findings.add(
                    "invalid-value",
                    where,
                    name,
                    invalid_value(name, "must be a standard resource type or fully qualified"),
                    hint="use cpu, memory or ephemeral-storage",
                )
            elif parse_quantity(amount) < 0:
                findings.add(
                    "invalid-value",
                    where,
                    amount,
                    invalid_value(amount, "must be greater than or equal to 0"),
                    hint="give an amount that is not negative",
                )
    for name, amount in requests.items():
        if name in limits and parse_quantity(amount) > parse_quantity(limits[name]):
            findings.add(
                "invalid-value",
                f"{path}.requests",
                amount,
                invalid_value(amount, f"must be less than or equal to {name} limit of {limits[name]}"),
                hint="raise the limit or lower the request",
            )


def _is_resource(name: str) -> bool:
    return name in ("cpu", "memory", "ephemeral-storage") or name.startswith("hugepages-") or "/" in name


def _validate_lifecycle(findings: Findings, container: Values, path: str, *, init: bool) -> None:
    sidecar = container.get("restartPolicy") == "Always"
    if init and not sidecar:
        for field in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
            if container.get(field):
                findings.add(
                    "forbidden-combination",
                    f"{path}.{field}",
                    "",
                    forbidden("may not be set for init containers without restartPolicy=Always"),
                    hint="remove it, or set restartPolicy: Always",
                )
    for field in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(field)
        if probe is None or f"{path}.{field}" in findings.broken:
            continue
        handlers = [name for name in ("exec", "grpc", "httpGet", "tcpSocket") if name in probe]
        if not handlers:
            findings.add(
                "required-field",
                f"{path}.{field}",
                None,
                required_value("must specify a handler type"),
                hint="add exec, httpGet, tcpSocket or grpc",
            )
        if field != "readinessProbe" and probe.get("successThreshold", 1) not in (0, 1):
            value = probe["successThreshold"]
            findings.add(
                "invalid-value",
                f"{path}.{field}.successThreshold",
                value,
                invalid_value(value, "must be 1"),
                hint="set it to 1",
            )
