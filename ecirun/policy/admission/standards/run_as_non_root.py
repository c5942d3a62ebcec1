"""Containers must be required to run as a user other than root.

Restricted fields: spec.securityContext.runAsNonRoot, and of every container
Allowed values: true; unset in a container when the pod says true; since v1.35 anything in a pod with hostUsers: false
"""

from __future__ import annotations

from ecirun.policy.admission.pod_values import PodValues
from ecirun.policy.admission.standards.check import Check, Version, Violation, containers_named, in_user_namespace

REASON = "runAsNonRoot != true"


def v1_0(pod: PodValues) -> Violation | None:
    """Whoever says false, or else every container for which nobody says true."""
    field = "securityContext.runAsNonRoot"
    whole = pod.context.get("runAsNonRoot")
    saying_no = [container for container in pod.containers if container.context.get("runAsNonRoot") is False]
    silent = [container for container in pod.containers if container.context.get("runAsNonRoot") is None]
    setters = ["pod"] if whole is False else []
    if saying_no:
        setters.append(containers_named([container.name for container in saying_no]))
    if setters:
        paths = [pod.at(field)] if whole is False else []
        paths += [f"{container.path}.{field}" for container in saying_no]
        return Violation(REASON, f"{' and '.join(setters)} must not set securityContext.runAsNonRoot=false", tuple(paths))
    if silent and not whole:
        names = containers_named([container.name for container in silent])
        paths = [f"{container.path}.{field}" for container in silent]
        return Violation(REASON, f"pod or {names} must set securityContext.runAsNonRoot=true", tuple(paths))
    return None


def v1_35(pod: PodValues) -> Violation | None:
    """The same, but for pods in a user namespace of their own."""
    return None if in_user_namespace(pod) else v1_0(pod)


CHECK = Check("runAsNonRoot", "pss-run-as-non-root", "restricted", (Version(0, v1_0), Version(35, v1_35)))
