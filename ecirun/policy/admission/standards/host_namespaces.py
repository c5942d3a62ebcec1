"""The host's network, process and IPC namespaces must not be shared.

Restricted fields: spec.hostNetwork, spec.hostPID, spec.hostIPC
Allowed values: false, unset
"""

from __future__ import annotations

from ecirun.policy.admission.pod_values import PodValues
from ecirun.policy.admission.standards.check import Check, Version, Violation


def v1_0(pod: PodValues) -> Violation | None:
    """Every namespace that is shared."""
    shared = [field for field in ("hostNetwork", "hostPID", "hostIPC") if pod.spec.get(field)]
    if not shared:
        return None
    return Violation(
        "host namespaces", ", ".join(f"{field}=true" for field in shared), tuple(pod.at(field) for field in shared)
    )


CHECK = Check("hostNamespaces", "pss-host-namespaces", "baseline", (Version(0, v1_0),))
