"""spec.securityContext.sysctls."""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.policy.case import Case
from ecirun.policy.load import Policy
from ecirun.spec.field_error import duplicate_value, forbidden
from ecirun.spec.finding import Finding
from ecirun.spec.names import sysctl_name
from ecirun.spec.pod import Sysctl
from ecirun.spec.sysctl_name import canonical

RULES = ("sysctl-not-permitted", "sysctl-duplicate", "min-free-kbytes-large")


def check(case: Case) -> Iterator[Finding]:
    """Every sysctl that may not be set, or is set twice; a value that is too large for the pod."""
    seen: dict[str, str] = {}
    for sysctl in case.pod.security_context.sysctls:
        if sysctl_name(sysctl.name):
            continue  # The API's own rules have said so already.
        name = canonical(sysctl.name)
        yield from _permitted(case, sysctl, name)
        if seen.get(name, sysctl.name) != sysctl.name:
            hint = f"keep one of {seen[name]} and {sysctl.name}: they are one key"
            yield case.finding("sysctl-duplicate", f"{sysctl.path}.name", sysctl.name, duplicate_value(sysctl.name), hint=hint)
        seen.setdefault(name, sysctl.name)
        if name == "vm.min_free_kbytes":
            yield from _leaves_memory(case, sysctl)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(name.startswith(entry[:-1]) if entry.endswith("*") else name == entry for entry in patterns)


def permitted(name: str, policy: Policy) -> bool:
    """Whether the policy lets a pod set the sysctl of that canonical name."""
    return _matches(name, policy.sysctls_allowed) and not _matches(name, policy.sysctls_refused)


def _permitted(case: Case, sysctl: Sysctl, name: str) -> Iterator[Finding]:
    policy = case.policy
    # The kernel would not find the key of a name with mixed separators; whoever writes one means the plain key.
    plain = name.replace("/", ".")
    if not permitted(plain, policy):
        name = plain
    elif permitted(name, policy):
        return
    if _matches(name, policy.sysctls_refused):
        hint = f"remove {name}; ECI keeps it for itself"
    else:
        hint = f"remove {name}; ECI allows " + ", ".join(policy.rules["sysctl-not-permitted"].allowed)
    message = forbidden(f'sysctl "{name}" is not allowed')
    yield case.finding("sysctl-not-permitted", f"{sysctl.path}.name", sysctl.name, message, hint=hint)


def _leaves_memory(case: Case, sysctl: Sysctl) -> Iterator[Finding]:
    limits = [container.memory_limit for container in case.pod.containers]
    memory = sum(limit for limit in limits if limit) if all(limits) else case.options.host_memory()
    percent = case.policy.min_free_percent
    if not memory or not sysctl.value.strip().isdecimal():
        return
    most = memory * percent // 100 // 1024
    if int(sysctl.value) > most:
        owner = "the pod's" if all(limits) else "this host's"
        yield case.finding(
            "min-free-kbytes-large",
            f"{sysctl.path}.value",
            sysctl.value,
            f"is more than {percent} % of {owner} memory ({memory // 1024} KiB)",
            hint=f"set at most {most}",
            severity="warning",
        )
