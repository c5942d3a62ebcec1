"""A seccomp profile must be set, and be the runtime's or one of the node's.

Restricted fields: spec.securityContext.seccompProfile.type, and of every container
Allowed values: RuntimeDefault, Localhost; unset in a container when the pod has one; since v1.25 anything on Windows
"""

from __future__ import annotations

from ecirun.policy.admission.pod_values import PodValues
from ecirun.policy.admission.standards.check import Check, Version, Violation, containers_named, is_windows
from ecirun.policy.admission.standards.seccomp_profile_baseline import REASON, profile_type
from ecirun.policy.admission.standards.seccomp_profile_baseline import v1_19 as forbidden


def v1_19(pod: PodValues) -> Violation | None:
    """Whoever sets another profile, or else every container for which nobody sets one."""
    if (violation := forbidden(pod)) is not None:
        return violation
    if profile_type(pod.context) is not None:
        return None
    silent = [container for container in pod.containers if profile_type(container.context) is None]
    if not silent:
        return None
    return Violation(
        REASON,
        f"pod or {containers_named([container.name for container in silent])} must set "
        'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"',
        tuple(f"{container.path}.securityContext.seccompProfile" for container in silent),
    )


def v1_25(pod: PodValues) -> Violation | None:
    """The same, but for Windows, where the field cannot be set."""
    return None if is_windows(pod) else v1_19(pod)


CHECK = Check(
    "seccompProfile_restricted",
    "pss-seccomp-profile-restricted",
    "restricted",
    (Version(19, v1_19, ("seccompProfile_baseline",)), Version(25, v1_25, ("seccompProfile_baseline",))),
)
