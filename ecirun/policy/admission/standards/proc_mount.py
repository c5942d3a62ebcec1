"""/proc must stay masked.

Restricted fields: spec.containers[*].securityContext.procMount, and of initContainers and ephemeralContainers
Allowed values: Default, unset; since v1.35 anything in a pod with hostUsers: false
"""

from __future__ import annotations

from ecirun.policy.admission.pod_values import PodValues
from ecirun.policy.admission.standards.check import (
    Check,
    Version,
    Violation,
    containers_named,
    in_user_namespace,
    quoted_list,
)


def v1_0(pod: PodValues) -> Violation | None:
    """Every container that asks for another /proc."""
    bad = [
        (container, kind)
        for container in pod.containers
        if (kind := container.context.get("procMount")) not in (None, "Default")
    ]
    if not bad:
        return None
    kinds = sorted({kind for _container, kind in bad})
    return Violation(
        "procMount",
        f"{containers_named([container.name for container, _kind in bad])} must not set securityContext.procMount to "
        f"{quoted_list(kinds)}",
        tuple(f"{container.path}.securityContext.procMount" for container, _kind in bad),
    )


def v1_35(pod: PodValues) -> Violation | None:
    """The same, but for pods in a user namespace of their own."""
    return None if in_user_namespace(pod) else v1_0(pod)


CHECK = Check("procMount", "pss-proc-mount", "baseline", (Version(0, v1_0), Version(35, v1_35)))
