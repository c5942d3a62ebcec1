"""Containers must not ask for uid 0.

Restricted fields: spec.securityContext.runAsUser, and of every container
Allowed values: any uid but 0, unset; since v1.35 anything in a pod with hostUsers: false
"""

from __future__ import annotations

from ecirun.policy.admission.pod_values import PodValues
from ecirun.policy.admission.standards.check import Check, Version, Violation, containers_named, in_user_namespace


def v1_23(pod: PodValues) -> Violation | None:
    """Whoever asks for uid 0."""
    bad = [container for container in pod.containers if container.context.get("runAsUser") == 0]
    setters, paths = [], []
    if pod.context.get("runAsUser") == 0:
        setters.append("pod")
        paths.append(pod.at("securityContext.runAsUser"))
    if bad:
        setters.append(containers_named([container.name for container in bad]))
        paths += [f"{container.path}.securityContext.runAsUser" for container in bad]
    if not setters:
        return None
    return Violation("runAsUser=0", f"{' and '.join(setters)} must not set runAsUser=0", tuple(paths))


def v1_35(pod: PodValues) -> Violation | None:
    """The same, but for pods in a user namespace of their own."""
    return None if in_user_namespace(pod) else v1_23(pod)


CHECK = Check("runAsUser", "pss-run-as-user", "restricted", (Version(23, v1_23), Version(35, v1_35)))
