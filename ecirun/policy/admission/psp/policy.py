"""A PodSecurityPolicy: the record, and how it is made of the values of a manifest.

What the API refuses in one is refused here too (Kubernetes v1.24 pkg/apis/policy/validation/validation.go).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ecirun.record import Record
from ecirun.spec.field_error import duplicate_value, forbidden, invalid_value, required_value, unsupported_value

Values = Mapping[str, Any]

API_VERSIONS = ("policy/v1beta1", "extensions/v1beta1")
ALL = "*"

USER_RULES = ("MustRunAs", "MustRunAsNonRoot", "RunAsAny")
GROUP_RULES = ("MayRunAs", "MustRunAs", "RunAsAny")
SE_LINUX_RULES = ("MustRunAs", "RunAsAny")

VOLUME_TYPES = frozenset(
    "awsElasticBlockStore azureDisk azureFile cephFS cinder configMap csi downwardAPI emptyDir ephemeral fc flexVolume flocker "
    "gcePersistentDisk gitRepo glusterfs hostPath iscsi nfs persistentVolumeClaim photonPersistentDisk portworxVolume "
    "projected quobyte rbd scaleIO secret storageos vsphereVolume".split()
)

SECCOMP_ALLOWED = "seccomp.security.alpha.kubernetes.io/allowedProfileNames"
SECCOMP_DEFAULT = "seccomp.security.alpha.kubernetes.io/defaultProfileName"
APP_ARMOR_ALLOWED = "apparmor.security.beta.kubernetes.io/allowedProfileNames"
APP_ARMOR_DEFAULT = "apparmor.security.beta.kubernetes.io/defaultProfileName"


class Range(Record):
    """Ids or ports from `least` to `most`, both included."""

    least: int
    most: int


class Strategy(Record):
    """How an id is chosen and what it may be."""

    rule: str
    ranges: tuple[Range, ...] = ()

    def takes(self, number: int) -> bool:
        """Whether the id falls into one of the ranges."""
        return any(entry.least <= number <= entry.most for entry in self.ranges)

    def ranges_text(self) -> str:
        """The ranges as Go prints them: `[{1 5} {9 9}]`"""
        return "[" + " ".join(f"{{{entry.least} {entry.most}}}" for entry in self.ranges) + "]"


class HostPath(Record):
    """A path of the host below which volumes may be mounted."""

    prefix: str
    read_only: bool


class RuntimeClasses(Record):
    """Which RuntimeClasses a pod may name, and which one it gets when it names none."""

    allowed: tuple[str, ...]
    default: str | None


class PodSecurityPolicy(Record):
    """One policy, with the API's defaults filled in. None stands for what is not restricted or not set."""

    name: str
    annotations: Mapping[str, str]
    privileged: bool
    default_add_capabilities: tuple[str, ...]
    required_drop_capabilities: tuple[str, ...]
    allowed_capabilities: tuple[str, ...]
    volumes: frozenset[str]
    host_network: bool
    host_ports: tuple[Range, ...]
    host_pid: bool
    host_ipc: bool
    se_linux_rule: str
    se_linux_options: Values
    run_as_user: Strategy
    run_as_group: Strategy
    supplemental_groups: Strategy
    fs_group: Strategy
    read_only_root_filesystem: bool
    default_allow_privilege_escalation: bool | None
    allow_privilege_escalation: bool
    allowed_host_paths: tuple[HostPath, ...]
    allowed_flex_volumes: tuple[str, ...]
    allowed_csi_drivers: tuple[str, ...]
    allowed_unsafe_sysctls: tuple[str, ...]
    forbidden_sysctls: tuple[str, ...]
    allowed_proc_mount_types: tuple[str, ...]
    runtime_class: RuntimeClasses | None


def read_policy(values: Values) -> PodSecurityPolicy:
    """The policy of a manifest's checked values (see `complaints_about`)."""
    spec = values.get("spec", {})
    runtime_class = spec.get("runtimeClass")
    return PodSecurityPolicy(
        name=values.get("metadata", {}).get("name", ""),
        annotations=values.get("metadata", {}).get("annotations", {}),
        privileged=spec.get("privileged", False),
        default_add_capabilities=tuple(spec.get("defaultAddCapabilities", ())),
        required_drop_capabilities=tuple(spec.get("requiredDropCapabilities", ())),
        allowed_capabilities=tuple(spec.get("allowedCapabilities", ())),
        volumes=frozenset(spec.get("volumes", ())),
        host_network=spec.get("hostNetwork", False),
        host_ports=_ranges(spec.get("hostPorts", ())),
        host_pid=spec.get("hostPID", False),
        host_ipc=spec.get("hostIPC", False),
        se_linux_rule=spec.get("seLinux", {}).get("rule", ""),
        se_linux_options=spec.get("seLinux", {}).get("seLinuxOptions", {}),
        run_as_user=_strategy(spec.get("runAsUser", {})),
        run_as_group=_strategy(spec.get("runAsGroup", {"rule": "RunAsAny"})),
        supplemental_groups=_strategy(spec.get("supplementalGroups", {})),
        fs_group=_strategy(spec.get("fsGroup", {})),
        read_only_root_filesystem=spec.get("readOnlyRootFilesystem", False),
        default_allow_privilege_escalation=spec.get("defaultAllowPrivilegeEscalation"),
        allow_privilege_escalation=spec.get("allowPrivilegeEscalation", True),
        allowed_host_paths=tuple(
            HostPath(entry.get("pathPrefix", ""), entry.get("readOnly", False)) for entry in spec.get("allowedHostPaths", ())
        ),
        allowed_flex_volumes=tuple(entry.get("driver", "") for entry in spec.get("allowedFlexVolumes", ())),
        allowed_csi_drivers=tuple(entry.get("name", "") for entry in spec.get("allowedCSIDrivers", ())),
        allowed_unsafe_sysctls=tuple(spec.get("allowedUnsafeSysctls", ())),
        forbidden_sysctls=tuple(spec.get("forbiddenSysctls", ())),
        allowed_proc_mount_types=tuple(spec.get("allowedProcMountTypes", ())) or ("Default",),
        runtime_class=None
        if runtime_class is None
        else RuntimeClasses(
            tuple(runtime_class.get("allowedRuntimeClassNames", ())), runtime_class.get("defaultRuntimeClassName")
        ),
    )


def _ranges(entries: Sequence[Values]) -> tuple[Range, ...]:
    return tuple(Range(entry.get("min", 0), entry.get("max", 0)) for entry in entries)


def _strategy(values: Values) -> Strategy:
    return Strategy(values.get("rule", ""), _ranges(values.get("ranges", ())))


def complaints_about(values: Values) -> list[str]:
    """What the API would refuse in the manifest, as field errors; empty when it is fine."""
    found = []
    if values.get("apiVersion") not in API_VERSIONS:
        found.append(f"apiVersion: {unsupported_value(values.get('apiVersion', ''), API_VERSIONS)}")
    if not values.get("metadata", {}).get("name"):
        found.append(f"metadata.name: {required_value('name or generateName is required')}")
    spec = values.get("spec", {})
    for field, rules in (("runAsUser", USER_RULES), ("supplementalGroups", GROUP_RULES), ("fsGroup", GROUP_RULES)):
        found += _strategy_complaints(spec.get(field, {}), f"spec.{field}", rules)
    if "runAsGroup" in spec:
        found += _strategy_complaints(spec["runAsGroup"], "spec.runAsGroup", GROUP_RULES)
    found += _se_linux_complaints(spec.get("seLinux", {}))
    for volume in spec.get("volumes", ()):
        if volume not in VOLUME_TYPES and volume != ALL:
            found.append(f"spec.volumes: {unsupported_value(volume, (ALL, *sorted(VOLUME_TYPES)))}")
    found += _capability_complaints(spec)
    if spec.get("defaultAllowPrivilegeEscalation") and spec.get("allowPrivilegeEscalation") is False:
        detail = "Cannot set DefaultAllowPrivilegeEscalation to true without also setting AllowPrivilegeEscalation to true"
        found.append(f"spec.defaultAllowPrivilegeEscalation: {invalid_value(True, detail)}")
    for index, kind in enumerate(spec.get("allowedProcMountTypes", ())):
        if kind not in ("Default", "Unmasked"):
            found.append(f"spec.allowedProcMountTypes[{index}]: {unsupported_value(kind, ('Default', 'Unmasked'))}")
    found += _host_path_complaints(spec.get("allowedHostPaths", ()))
    found += _sysctl_complaints(spec)
    if "runtimeClass" in spec:
        found += _runtime_class_complaints(spec["runtimeClass"])
    return found


def _strategy_complaints(values: Values, path: str, rules: tuple[str, ...]) -> list[str]:
    rule = values.get("rule", "")
    found = [] if rule in rules else [f"{path}.rule: {unsupported_value(rule, rules)}"]
    ranges = values.get("ranges", [])
    if rule in ("MustRunAs", "MayRunAs") and not ranges:
        found.append(f"{path}.ranges: {required_value('must provide at least one range')}")
    for index, entry in enumerate(ranges):
        least, most = entry.get("min", 0), entry.get("max", 0)
        for field, number in (("min", least), ("max", most)):
            if number < 0:
                found.append(f"{path}.ranges[{index}].{field}: {invalid_value(number, f'{field} cannot be negative')}")
        if least > most:
            found.append(f"{path}.ranges[{index}].min: {invalid_value(least, 'min cannot be greater than max')}")
    return found


def _se_linux_complaints(values: Values) -> list[str]:
    rule = values.get("rule", "")
    if rule not in SE_LINUX_RULES:
        return [f"spec.seLinux.rule: {unsupported_value(rule, SE_LINUX_RULES)}"]
    if rule == "MustRunAs" and "seLinuxOptions" not in values:
        return [f"spec.seLinux.seLinuxOptions: {required_value('MustRunAs requires SELinuxOptions')}"]
    return []


def _capability_complaints(spec: Values) -> list[str]:
    dropped = spec.get("requiredDropCapabilities", [])
    found = []
    if dropped and ALL in spec.get("allowedCapabilities", ()):
        detail = "must be empty when all capabilities are allowed by a wildcard"
        found.append(f"requiredDropCapabilities: {invalid_value(dropped, detail)}")
    for field in ("defaultAddCapabilities", "allowedCapabilities"):
        for capability in spec.get(field, ()):
            if capability in dropped:
                detail = f"capability is listed in {field} and requiredDropCapabilities"
                found.append(f"{field}: {invalid_value(capability, detail)}")
    return found


def _host_path_complaints(entries: Sequence[Values]) -> list[str]:
    found = []
    for index, entry in enumerate(entries):
        prefix = entry.get("pathPrefix", "")
        if not prefix:
            found.append(f"spec.allowedHostPaths[{index}]: {required_value('is required')}")
        elif ".." in prefix.split("/"):
            found.append(f"spec.allowedHostPaths[{index}]: {invalid_value(prefix, 'must not contain ' + repr('..'))}")
    return found


def _sysctl_complaints(spec: Values) -> list[str]:
    found = []
    allowed, refused = spec.get("allowedUnsafeSysctls", []), spec.get("forbiddenSysctls", [])
    for field, names in (("allowedUnsafeSysctls", allowed), ("forbiddenSysctls", refused)):
        for index, name in enumerate(names):
            if not name:
                found.append(f"spec.{field}[{index}]: {invalid_value(name, 'empty sysctl not allowed')}")
        if len(names) > 1 and any(name.startswith(ALL) for name in names):
            found.append(f"spec.{field}.items: {forbidden(f'if {ALL!r} is present, must not specify other sysctls')}")
    for index, name in enumerate(allowed):
        for other in refused:
            if _overlap(name, other):
                detail = f"sysctl overlaps with {other}"
                found.append(f"spec.allowedUnsafeSysctls[{index}]: {invalid_value(name, detail)}")
    return found


def _overlap(one: str, other: str) -> bool:
    first, second = one.removesuffix(ALL), other.removesuffix(ALL)
    return (
        one == other or (one.endswith(ALL) and second.startswith(first)) or (other.endswith(ALL) and first.startswith(second))
    )


def _runtime_class_complaints(values: Values) -> list[str]:
    path = "spec.runtimeClass.allowedRuntimeClassNames"
    names = values.get("allowedRuntimeClassNames", [])
    found = [f"{path}[{index}]: {duplicate_value(name)}" for index, name in enumerate(names) if name in names[:index]]
    default = values.get("defaultRuntimeClassName")
    if default is not None and default not in names and ALL not in names:
        found.append(f"{path}: {required_value(f'default {chr(34)}{default}{chr(34)} must be allowed')}")
    if ALL in names and len(names) > 1:
        found.append(f"{path}: {invalid_value(names, f'if {ALL!r} is present, must not specify other RuntimeClass names')}")
    return found
