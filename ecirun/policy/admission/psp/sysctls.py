"""Sysctls: none that forbiddenSysctls names, and no unsafe one that allowedUnsafeSysctls does not name.

Restricted fields: spec.securityContext.sysctls[*].name
Allowed values: the safe ones in SAFE, and those of allowedUnsafeSysctls; names are compared as written
"""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.policy.admission.psp.draft import Complaint, Draft, refused
from ecirun.policy.admission.psp.policy import ALL, PodSecurityPolicy
from ecirun.policy.admission.standards.sysctls import ALLOWED_V1_0 as SAFE  # of the last version that had this policy

RULE = "psp-sysctls"


def check(policy: PodSecurityPolicy, draft: Draft) -> Iterator[Complaint]:
    """Every sysctl that may not be set."""
    for index, sysctl in enumerate(draft.pod.context.get("sysctls", ())):
        name = sysctl.get("name", "")
        if _matches(name, policy.forbidden_sysctls):
            detail = f'sysctl "{name}" is not allowed'
        elif name not in SAFE and not _matches(name, policy.allowed_unsafe_sysctls):
            detail = f'unsafe sysctl "{name}" is not allowed'
        else:
            continue
        path = draft.pod.at(f"securityContext.sysctls[{index}]")
        yield refused(RULE, f"{path}.name", detail, f"pod.spec.securityContext.sysctls[{index}]")


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(name.startswith(entry[:-1]) if entry.endswith(ALL) else name == entry for entry in patterns)
