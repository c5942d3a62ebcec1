"""Ports of the host must not be taken.

Restricted fields: spec.containers[*].ports[*].hostPort, and of initContainers and ephemeralContainers
Allowed values: 0, unset
"""

from __future__ import annotations

from ecirun.policy.admission.pod_values import PodValues, host_ports
from ecirun.policy.admission.standards.check import Check, Version, Violation, containers_named, counted


def v1_0(pod: PodValues) -> Violation | None:
    """Every host port."""
    names, paths = [], []
    numbers: set[str] = set()
    for container in pod.containers:
        taken = list(host_ports(pod, container))
        if taken:
            names.append(container.name)
            numbers.update(str(number) for number, _path in taken)
            paths += [path for _number, path in taken]
    if not names:
        return None
    return Violation(
        "hostPort",
        f"{containers_named(names)} {counted('uses', 'use', len(names))} "
        f"{counted('hostPort', 'hostPorts', len(numbers))} {', '.join(sorted(numbers))}",
        tuple(paths),
    )


CHECK = Check("hostPorts", "pss-host-ports", "baseline", (Version(0, v1_0),))
