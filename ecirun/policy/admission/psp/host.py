"""What a pod may share with its host: namespaces and ports.

Restricted fields: spec.hostNetwork, spec.hostPID, spec.hostIPC; spec.containers[*].ports[*].hostPort, and of initContainers
"""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.policy.admission.pod_values import ContainerValues, host_ports
from ecirun.policy.admission.psp.draft import Complaint, Draft, invalid
from ecirun.policy.admission.psp.policy import PodSecurityPolicy

NAMESPACES, PORTS = "psp-host-namespaces", "psp-host-ports"


def check_namespaces(policy: PodSecurityPolicy, draft: Draft) -> Iterator[Complaint]:
    """Every namespace that may not be shared. Kubernetes' own Pod holds these fields in its securityContext."""
    for field, allowed, words in (
        ("hostNetwork", policy.host_network, "Host network"),
        ("hostPID", policy.host_pid, "Host PID"),
        ("hostIPC", policy.host_ipc, "Host IPC"),
    ):
        if draft.pod.spec.get(field) and not allowed:
            where = f"spec.securityContext.{field}"
            yield invalid(NAMESPACES, draft.pod.at(field), True, f"{words} is not allowed to be used", where)


def check_ports(policy: PodSecurityPolicy, draft: Draft, container: ContainerValues) -> Iterator[Complaint]:
    """Every port that may not be taken."""
    shown = ",".join(
        str(entry.least) if entry.least == entry.most else f"{entry.least}-{entry.most}" for entry in policy.host_ports
    )
    for number, path in host_ports(draft.pod, container):
        if not any(entry.least <= number <= entry.most for entry in policy.host_ports):
            detail = f"Host port {number} is not allowed to be used. Allowed ports: [{shown}]"
            yield invalid(PORTS, path, number, detail, f"{container.path}.hostPort")
