"""Privilege escalation, such as through set-user-ID programs, must be turned off.

Restricted fields: spec.containers[*].securityContext.allowPrivilegeEscalation, and of initContainers and ephemeralContainers
Allowed values: false; since v1.25 anything in a pod that runs on Windows
"""

from __future__ import annotations

from ecirun.policy.admission.pod_values import PodValues
from ecirun.policy.admission.standards.check import Check, Version, Violation, containers_named, is_windows


def v1_8(pod: PodValues) -> Violation | None:
    """Every container that may escalate."""
    bad = [container for container in pod.containers if container.context.get("allowPrivilegeEscalation") is not False]
    if not bad:
        return None
    return Violation(
        "allowPrivilegeEscalation != false",
        f"{containers_named([container.name for container in bad])} must set securityContext.allowPrivilegeEscalation=false",
        tuple(f"{container.path}.securityContext.allowPrivilegeEscalation" for container in bad),
    )


def v1_25(pod: PodValues) -> Violation | None:
    """The same, but for Windows, where the field cannot be set."""
    return None if is_windows(pod) else v1_8(pod)


CHECK = Check(
    "allowPrivilegeEscalation",
    "pss-allow-privilege-escalation",
    "restricted",
    (Version(8, v1_8), Version(25, v1_25)),
)
