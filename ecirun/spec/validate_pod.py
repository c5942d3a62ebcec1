"""What the API requires of a pod as a whole (Kubernetes pkg/apis/core/validation/validation.go)."""

from __future__ import annotations

from typing import Any

from ecirun.spec import names
from ecirun.spec.effects import report_effectless
from ecirun.spec.field_error import duplicate_value, forbidden, invalid_value, required_value
from ecirun.spec.findings import Findings
from ecirun.spec.validate_container import validate_containers
from ecirun.spec.validate_field import ID_RANGE, Values, id_in_range, one_of, require

RESTART_POLICIES = {
    "Deployment": ("Always",),
    "ReplicaSet": ("Always",),
    "StatefulSet": ("Always",),
    "DaemonSet": ("Always",),
    "ReplicationController": ("Always",),
    "Job": ("Never", "OnFailure"),
    "CronJob": ("Never", "OnFailure"),
}


def validate_metadata(findings: Findings, metadata: Values, path: str, *, name_required: bool) -> None:
    """Check names, labels and annotations of the metadata at `path`."""
    name = metadata.get("name")
    if not name and not metadata.get("generateName") and name_required:
        if f"{path}.name" not in findings.broken:
            findings.add(
                "required-field",
                f"{path}.name",
                None,
                required_value("name or generateName is required"),
                hint="give the pod a name: metadata.name",
            )
    elif name and (complaint := names.dns_subdomain(name)):
        findings.add(
            "invalid-value", f"{path}.name", name, invalid_value(name, complaint), hint="use lower case, digits, - and ."
        )
    namespace = metadata.get("namespace")
    if namespace and (complaint := names.dns_label(namespace)):
        findings.add("invalid-value", f"{path}.namespace", namespace, invalid_value(namespace, complaint), hint="correct it")
    for key, value in metadata.get("labels", {}).items():
        for text, complaint in ((key, names.qualified_name(key)), (value, names.label_value(value))):
            if complaint:
                where = f"{path}.labels[{key}]"
                findings.add("invalid-value", where, text, invalid_value(text, complaint), hint="correct the label")
    for key in metadata.get("annotations", {}):
        if complaint := names.qualified_name(key.lower()):
            where = f"{path}.annotations[{key}]"
            findings.add("invalid-value", where, key, invalid_value(key, complaint), hint="correct the annotation's key")


def validate_pod_spec(findings: Findings, spec: Values, path: str, kind: str) -> None:
    """Check the pod spec at `path`."""
    volumes = _validate_volumes(findings, spec.get("volumes", []), f"{path}.volumes")
    taken: set[str] = set()
    init = spec.get("initContainers", [])
    if require(findings, spec, "containers", path, hint="add at least one container"):
        validate_containers(findings, spec["containers"], f"{path}.containers", volumes, taken, init=False)
    validate_containers(findings, init, f"{path}.initContainers", volumes, taken, init=True)
    _validate_security_context(findings, spec, spec.get("securityContext", {}), f"{path}.securityContext")
    one_of(findings, spec, "restartPolicy", path, RESTART_POLICIES.get(kind, ("Always", "OnFailure", "Never")))
    one_of(findings, spec, "dnsPolicy", path, ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"))
    _validate_seconds(findings, spec, path)
    _validate_hostname(findings, spec, path)
    _validate_proc_mount(findings, spec, path)
    if spec.get("hostPID") and spec.get("shareProcessNamespace"):
        findings.add(
            "forbidden-combination",
            f"{path}.shareProcessNamespace",
            True,
            invalid_value(True, "ShareProcessNamespace and HostPID cannot both be enabled"),
            hint="remove hostPID",
        )
    report_effectless(findings, spec, "PodSpec", path)


def _validate_volumes(findings: Findings, volumes: list[dict[str, Any]], path: str) -> set[str]:
    taken: set[str] = set()
    for index, volume in enumerate(volumes):
        where = f"{path}[{index}]"
        if require(findings, volume, "name", where, hint="give the volume a name"):
            name = volume["name"]
            if complaint := names.dns_label(name):
                findings.add("invalid-value", f"{where}.name", name, invalid_value(name, complaint), hint="correct the name")
            if name in taken:
                findings.add(
                    "duplicate-value", f"{where}.name", name, duplicate_value(name), hint="give each volume its own name"
                )
            taken.add(name)
        sources = [key for key in volume if key != "name"]
        for extra in sources[1:]:
            findings.add(
                "forbidden-combination",
                f"{where}.{extra}",
                None,
                forbidden("may not specify more than 1 volume type"),
                hint="keep one source per volume",
            )
        medium = volume.get("emptyDir", {}).get("medium", "")
        if medium not in ("", "Memory") and not medium.startswith("HugePages"):
            findings.add(
                "invalid-value",
                f"{where}.emptyDir.medium",
                medium,
                invalid_value(medium, f'unknown storage medium "{medium}"'),
                hint="leave it out, or write Memory",
            )
    return taken


def _validate_security_context(findings: Findings, spec: Values, context: Values, path: str) -> None:
    for field in ("runAsUser", "runAsGroup", "fsGroup"):
        id_in_range(findings, context.get(field), f"{path}.{field}")
    for index, gid in enumerate(context.get("supplementalGroups", ())):
        id_in_range(findings, gid, f"{path}.supplementalGroups[{index}]")
    one_of(findings, context, "fsGroupChangePolicy", path, ("Always", "OnRootMismatch"))
    one_of(findings, context, "supplementalGroupsPolicy", path, ("Merge", "Strict"))
    _validate_sysctls(findings, context.get("sysctls", ()), f"{path}.sysctls")
    report_effectless(findings, context, "PodSecurityContext", path)


def _validate_sysctls(findings: Findings, sysctls: list[dict[str, Any]], path: str) -> None:
    taken = set()
    for index, sysctl in enumerate(sysctls):
        where = f"{path}[{index}]"
        if not require(findings, sysctl, "name", where, hint="name the sysctl, such as net.core.somaxconn"):
            continue
        name = sysctl["name"]
        if complaint := names.sysctl_name(name):
            hint = "name each sysctl in full, in lower case, with single dots or slashes"
            findings.add("invalid-value", f"{where}.name", name, invalid_value(name, complaint), hint=hint)
        elif name in taken:
            findings.add("duplicate-value", f"{where}.name", name, duplicate_value(name), hint="set each sysctl once")
        taken.add(name)


def _validate_seconds(findings: Findings, spec: Values, path: str) -> None:
    grace = spec.get("terminationGracePeriodSeconds")
    if grace is not None and grace < 0:
        findings.add(
            "invalid-value",
            f"{path}.terminationGracePeriodSeconds",
            grace,
            invalid_value(grace, "must be greater than or equal to 0"),
            hint="give seconds from 0 on",
        )
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline < 2**31:
        findings.add(
            "invalid-value",
            f"{path}.activeDeadlineSeconds",
            deadline,
            invalid_value(deadline, ID_RANGE.replace("between 0", "between 1")),
            hint="give seconds from 1 on",
        )


def _validate_hostname(findings: Findings, spec: Values, path: str) -> None:
    for field in ("hostname", "subdomain"):
        value = spec.get(field)
        if value and (complaint := names.dns_label(value)):
            findings.add("invalid-value", f"{path}.{field}", value, invalid_value(value, complaint), hint="use a DNS label")


def _validate_proc_mount(findings: Findings, spec: Values, path: str) -> None:
    for family in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(family, ())):
            value = container.get("securityContext", {}).get("procMount")
            if value == "Unmasked" and spec.get("hostUsers") is not False:
                findings.add(
                    "forbidden-combination",
                    f"{path}.{family}[{index}].securityContext.procMount",
                    value,
                    invalid_value(value, "`hostUsers` must be false to use `Unmasked`"),
                    hint="remove procMount",
                )
