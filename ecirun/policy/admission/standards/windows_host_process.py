"""A container must not be a process of its Windows host.

Restricted fields: spec.securityContext.windowsOptions.hostProcess, and of every container
Allowed values: false, unset
"""

from __future__ import annotations

from ecirun.policy.admission.pod_values import PodValues, Values
from ecirun.policy.admission.standards.check import Check, Version, Violation, containers_named


def _asks(context: Values) -> bool:
    return bool(context.get("windowsOptions", {}).get("hostProcess"))


def v1_0(pod: PodValues) -> Violation | None:
    """Whoever asks for it."""
    field = "securityContext.windowsOptions.hostProcess"
    bad = [container for container in pod.containers if _asks(container.context)]
    setters, paths = [], []
    if _asks(pod.context):
        setters.append("pod")
        paths.append(pod.at(field))
    if bad:
        setters.append(containers_named([container.name for container in bad]))
        paths += [f"{container.path}.{field}" for container in bad]
    if not setters:
        return None
    return Violation(
        "hostProcess", f"{' and '.join(setters)} must not set securityContext.windowsOptions.hostProcess=true", tuple(paths)
    )


CHECK = Check("windowsHostProcess", "pss-windows-host-process", "baseline", (Version(0, v1_0),))
