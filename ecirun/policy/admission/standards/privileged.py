"""Privileged containers have no walls, and must not be.

Restricted fields: spec.containers[*].securityContext.privileged, and of initContainers and ephemeralContainers
Allowed values: false, unset
"""

from __future__ import annotations

from ecirun.policy.admission.pod_values import PodValues
from ecirun.policy.admission.standards.check import Check, Version, Violation, containers_named


def v1_0(pod: PodValues) -> Violation | None:
    """Every privileged container."""
    bad = [container for container in pod.containers if container.context.get("privileged")]
    if not bad:
        return None
    return Violation(
        "privileged",
        f"{containers_named([container.name for container in bad])} must not set securityContext.privileged=true",
        tuple(f"{container.path}.securityContext.privileged" for container in bad),
    )


CHECK = Check("privileged", "pss-privileged", "baseline", (Version(0, v1_0),))
