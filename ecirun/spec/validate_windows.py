"""What the API requires of Windows' fields (Kubernetes pkg/apis/core/validation/validation.go)."""

from __future__ import annotations

import re

from ecirun.spec import names
from ecirun.spec.findings import Findings
from ecirun.spec.validate_field import Values

MAX_CREDENTIAL = 64  # KiB
MAX_DOMAIN, MAX_USER = 256, 104

POD_FIELDS = ("hostUsers", "hostPID", "hostIPC", "shareProcessNamespace")
POD_CONTEXT_FIELDS = (
    "appArmorProfile seLinuxOptions seccompProfile fsGroup fsGroupChangePolicy sysctls runAsUser runAsGroup "
    "supplementalGroups supplementalGroupsPolicy seLinuxChangePolicy"
).split()
CONTEXT_FIELDS = (
    "appArmorProfile seLinuxOptions seccompProfile capabilities readOnlyRootFilesystem privileged allowPrivilegeEscalation "
    "procMount runAsUser runAsGroup"
).split()

_DNS_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"


def validate_windows_options(findings: Findings, options: Values, path: str) -> None:
    """Check a windowsOptions object."""
    name = options.get("gmsaCredentialSpecName")
    if name is not None:
        complaints = names.dns_subdomain(name)
        findings.invalid(f"{path}.gmsaCredentialSpecName", name, *complaints, hint="remove windowsOptions")
    credential = options.get("gmsaCredentialSpec")
    if credential == "":
        detail = "gmsaCredentialSpec cannot be an empty string"
        findings.invalid(f"{path}.gmsaCredentialSpec", credential, detail, hint="remove windowsOptions")
    elif credential and len(credential.encode()) > MAX_CREDENTIAL * 1024:
        detail = f"gmsaCredentialSpec size must be under {MAX_CREDENTIAL} KiB"
        findings.invalid(f"{path}.gmsaCredentialSpec", credential, detail, hint="remove windowsOptions")
    user = options.get("runAsUserName")
    if user is not None:
        details = [f"runAsUserName{text}" for text in _complaints_about_user(user)]
        findings.invalid(f"{path}.runAsUserName", user, *details, hint="use runAsUser: ECI's containers run Linux")


def _complaints_about_user(text: str) -> list[str]:
    if not text:
        return [" cannot be an empty string"]
    if re.search(r"[\x00-\x1f\x7f]", text):
        return [" cannot contain control characters"]
    domain, backslash, user = text.rpartition("\\")
    if "\\" in domain:
        return [" cannot contain more than one backslash"]
    complaints = []
    if len(domain) >= MAX_DOMAIN:
        complaints.append(f"'s Domain length must be under {MAX_DOMAIN} characters")
    netbios = re.fullmatch(r'[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}', domain)
    if backslash and not netbios and not re.fullmatch(rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})*", domain):
        complaints.append("'s Domain doesn't match the NetBios nor the DNS format")
    if not user:
        complaints.append("'s User cannot be empty")
    elif len(user) > MAX_USER:
        complaints.append(f"'s User length must not be longer than {MAX_USER} characters")
    if re.fullmatch("[. ]+", user):
        complaints.append("'s User cannot contain only periods or spaces")
    if re.search(r'["/\\:;|=,+*?<>@\[\]]', user):
        complaints.append(r"""'s User cannot contain the following characters: "/\:;|=,+*?<>@[]""")
    return complaints


def validate_os(findings: Findings, spec: Values, containers: list[tuple[str, Values]], path: str) -> None:
    """Check spec.os, and that the fields of the other system are not set."""
    name = spec["os"].get("name", "")
    if not name:
        findings.required(f"{path}.os.name", hint="write name: linux, or remove os")
    elif name not in ("linux", "windows"):
        findings.unsupported(f"{path}.os", name, ("linux", "windows"), hint="write name: linux, or remove os")
    elif name == "linux":
        for where, holder in [(path, spec), *containers]:
            if "windowsOptions" in holder.get("securityContext", {}):
                detail = "windows options cannot be set for a linux pod"
                findings.forbidden(f"{where}.securityContext.windowsOptions", detail)
    else:
        _validate_windows_pod(findings, spec, containers, path)


def _validate_windows_pod(findings: Findings, spec: Values, containers: list[tuple[str, Values]], path: str) -> None:
    detail = "cannot be set for a windows pod"
    for field in POD_FIELDS:
        if spec.get(field) not in (None, False) or (field in ("hostUsers", "shareProcessNamespace") and field in spec):
            findings.forbidden(f"{path}.{field}", detail)
    for field in POD_CONTEXT_FIELDS:
        if field in spec.get("securityContext", {}):
            findings.forbidden(f"{path}.securityContext.{field}", detail)
    for where, container in containers:
        for field in CONTEXT_FIELDS:
            if field in container.get("securityContext", {}):
                findings.forbidden(f"{where}.securityContext.{field}", detail)


def validate_host_process(findings: Findings, spec: Values, containers: list[tuple[str, Values]], path: str) -> None:
    """Check that hostProcess is set for all containers or none."""
    whole = _host_process(spec)
    count = 0
    for where, container in containers:
        own = _host_process(container)
        if whole is not None and own is not None and whole != own:
            detail = f"pod hostProcess value must be identical if both are specified, was {str(whole).lower()}"
            field = f"{where}.securityContext.windowsOptions.hostProcess"
            findings.invalid(field, own, detail, hint="remove one of the two")
        count += bool(own if own is not None else whole)
    if not count:
        return
    if count != len(containers):
        detail = "If pod contains any hostProcess containers then all containers must be HostProcess containers"
        findings.invalid(path, "", detail, hint="remove hostProcess")
    if not spec.get("hostNetwork"):
        detail = "hostNetwork must be true if pod contains any hostProcess containers"
        findings.invalid(f"{path}.hostNetwork", False, detail, hint="remove hostProcess")


def _host_process(holder: Values) -> bool | None:
    value: bool | None = holder.get("securityContext", {}).get("windowsOptions", {}).get("hostProcess")
    return value
