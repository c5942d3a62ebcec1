"""What the API requires of both security contexts (Kubernetes pkg/apis/core/validation/validation.go)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecirun.spec import names
from ecirun.spec.effects import report_effectless
from ecirun.spec.findings import Findings
from ecirun.spec.sysctl_name import NAMESPACES, namespace_of
from ecirun.spec.validate_field import Values, id_in_range, inside, one_of, require

PROFILE_TYPES = ("Localhost", "RuntimeDefault", "Unconfined")
MAX_PROFILE = 4095  # bytes, PATH_MAX less its end


def validate_pod_security_context(findings: Findings, spec: Values, context: Values, path: str) -> None:
    """Check the securityContext of the pod whose spec is `spec`."""
    for field in ("fsGroup", "runAsUser", "runAsGroup"):
        id_in_range(findings, context.get(field), f"{path}.{field}")
    for index, gid in enumerate(context.get("supplementalGroups", ())):
        id_in_range(findings, gid, f"{path}.supplementalGroups[{index}]")
    if "sysctls" in context:
        _validate_sysctls(findings, spec, context["sysctls"], f"{path}.sysctls")
    one_of(findings, context, "fsGroupChangePolicy", path, ("Always", "OnRootMismatch"))
    _validate_profiles(findings, context, path)
    one_of(findings, context, "supplementalGroupsPolicy", path, ("Merge", "Strict"))
    one_of(findings, context, "seLinuxChangePolicy", path, ("MountOption", "Recursive"))
    report_effectless(findings, context, "PodSecurityContext", path)


def _validate_sysctls(findings: Findings, spec: Values, sysctls: list[dict[str, Any]], path: str) -> None:
    taken = set()
    for index, sysctl in enumerate(sysctls):
        where = f"{path}[{index}]"
        if not require(findings, sysctl, "name", where, hint="name the sysctl, such as net.core.somaxconn"):
            continue
        name = sysctl["name"]
        if complaints := names.sysctl_name(name):
            findings.invalid(f"{where}.name", name, *complaints, hint=_hint_for_sysctl(name))
        elif name in taken:
            findings.duplicate(f"{where}.name", name, hint="set each sysctl once")
        shared = NAMESPACES.get(namespace_of(name), "")
        if shared and spec.get(shared):
            detail = f"may not be specified when '{shared}' is true"
            findings.invalid(f"{where}.name", name, detail, hint=f"remove {shared}", rule="forbidden-combination")
        taken.add(name)


def _hint_for_sysctl(name: str) -> str:
    """What is wrong with the spelling; the name itself when it is only that."""
    plain = name.strip("./ \t\r\n\0").lower()
    if "*" in name:
        return "name each sysctl in full: a pod sets values, and a pattern has none"
    if plain != name and not names.sysctl_name(plain):
        return f"write {plain}"
    return "name each sysctl in full, in lower case, with single dots or slashes"


def validate_security_context(findings: Findings, context: Values, path: str, *, host_users: bool) -> None:
    """Check a container's securityContext; `host_users` is whether the pod shares the host's user namespace."""
    id_in_range(findings, context.get("runAsUser"), f"{path}.runAsUser")
    id_in_range(findings, context.get("runAsGroup"), f"{path}.runAsGroup")
    one_of(findings, context, "procMount", path, ("Default", "Unmasked"))
    if host_users and context.get("procMount") == "Unmasked":
        detail = "`hostUsers` must be false to use `Unmasked`"
        findings.invalid(f"{path}.procMount", "Unmasked", detail, hint="remove procMount", rule="forbidden-combination")
    if context.get("allowPrivilegeEscalation") is False:
        _validate_escalation(findings, context, path)
    _validate_profiles(findings, context, path)
    report_effectless(findings, context, "SecurityContext", path)


def _validate_escalation(findings: Findings, context: Values, path: str) -> None:
    added = context.get("capabilities", {}).get("add", ())
    for cannot, what in (
        (context.get("privileged") is True, "`privileged` to true"),
        ("CAP_SYS_ADMIN" in added, "`capabilities.Add` CAP_SYS_ADMIN"),
    ):
        if cannot:
            detail = f"cannot set `allowPrivilegeEscalation` to false and {what}"
            findings.invalid(path, context, detail, hint="remove one of the two", rule="forbidden-combination")


def _validate_profiles(findings: Findings, context: Values, path: str) -> None:
    if "seccompProfile" in context:
        _validate_seccomp(findings, context["seccompProfile"], f"{path}.seccompProfile")
    if "windowsOptions" in context:
        from ecirun.spec.validate_windows import validate_windows_options

        validate_windows_options(findings, context["windowsOptions"], f"{path}.windowsOptions")
    if "appArmorProfile" in context:
        _validate_apparmor(findings, context["appArmorProfile"], f"{path}.appArmorProfile")


def _validate_seccomp(findings: Findings, profile: Values, path: str) -> None:
    kind, name, where = profile.get("type"), profile.get("localhostProfile"), f"{path}.localhostProfile"
    if not kind:
        findings.required(f"{path}.type", "type is required when seccompProfile is set", hint="add type: RuntimeDefault")
    one_of(findings, profile, "type", path, PROFILE_TYPES, default=True)
    if kind == "Localhost":
        if name is None:
            findings.required(where, "must be set when seccomp type is Localhost", hint="name the profile's file")
        else:
            inside(findings, name, where)
    elif name is not None:
        findings.invalid(where, profile, "can only be set when seccomp type is Localhost", hint="remove localhostProfile")


def _validate_apparmor(findings: Findings, profile: Values, path: str) -> None:
    kind, name, where = profile.get("type"), profile.get("localhostProfile"), f"{path}.localhostProfile"
    if not kind:
        findings.required(f"{path}.type", "type is required when appArmorProfile is set", hint="add type: RuntimeDefault")
        return
    one_of(findings, profile, "type", path, PROFILE_TYPES)
    if kind == "Localhost":
        if name is None or (not name.strip() and name == name.strip()):
            findings.required(where, "must be set when AppArmor type is Localhost", hint="name the profile")
        elif name != name.strip():
            findings.invalid(where, name, "must not be padded with whitespace", hint="remove the spaces")
        if len((name or "").encode()) > MAX_PROFILE:
            findings.too_long(where, MAX_PROFILE, hint="give the profile a shorter name")
    elif kind in PROFILE_TYPES and name is not None:
        findings.invalid(where, name, "can only be set when AppArmor type is Localhost", hint="remove localhostProfile")


def validate_annotated_profiles(
    findings: Findings, annotations: Mapping[str, str], containers: list[tuple[str, Values]], spec: Values, path: str
) -> None:
    """Check that the older annotations say what the fields say; `containers` are paths with containers."""
    from ecirun.spec.validate_metadata import APPARMOR_CONTAINER, SECCOMP_CONTAINER, SECCOMP_POD

    whole = spec.get("securityContext", {})
    if SECCOMP_POD in annotations and "seccompProfile" in whole:
        _must_match(findings, annotations[SECCOMP_POD], whole["seccompProfile"], f"{path}.securityContext.seccompProfile")
    for where, container in containers:
        own, name = container.get("securityContext", {}), container.get("name", "")
        annotation = annotations.get(SECCOMP_CONTAINER + name)
        if annotation is not None and "seccompProfile" in own:
            _must_match(findings, annotation, own["seccompProfile"], f"{where}.securityContext.seccompProfile")
        annotation = annotations.get(APPARMOR_CONTAINER + name)
        profile = own.get("appArmorProfile", whole.get("appArmorProfile"))
        if annotation is not None and profile is not None:
            _must_match(findings, annotation, profile, f"{where}.securityContext.appArmorProfile")


def _must_match(findings: Findings, annotation: str, profile: Values, path: str) -> None:
    what = "seccomp" if path.endswith("seccompProfile") else "apparmor"
    kind = profile.get("type")
    same = {"Unconfined": ("unconfined",), "RuntimeDefault": ("runtime/default", "docker/default")}.get(kind or "")
    if kind == "Localhost" and annotation.startswith("localhost/"):
        if annotation.removeprefix("localhost/") != profile.get("localhostProfile"):
            detail = f"{what} profile in annotation and field must match"
            findings.forbidden(f"{path}.localhostProfile", detail, hint="remove the annotation")
    elif kind == "Localhost" or (same and annotation not in same):
        findings.forbidden(f"{path}.type", f"{what} type in annotation and field must match", hint="remove the annotation")
