"""Only capabilities of the default set may be added, and NET_RAW may not.

Restricted fields: spec.containers[*].securityContext.capabilities.add, and of initContainers and ephemeralContainers
Allowed values: unset, or any of ALLOWED
"""

from __future__ import annotations

from ecirun.policy.admission.pod_values import PodValues
from ecirun.policy.admission.standards.check import Check, Version, Violation, containers_named, quoted_list

ALLOWED = frozenset(
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT".split()
)


def v1_0(pod: PodValues) -> Violation | None:
    """Every capability beyond the default ones."""
    names, paths = [], []
    forbidden: set[str] = set()
    for container in pod.containers:
        added = container.context.get("capabilities", {}).get("add", ())
        bad = [index for index, capability in enumerate(added) if capability not in ALLOWED]
        if bad:
            names.append(container.name)
            forbidden.update(added[index] for index in bad)
            paths += [f"{container.path}.securityContext.capabilities.add[{index}]" for index in bad]
    if not names:
        return None
    return Violation(
        "non-default capabilities",
        f"{containers_named(names)} must not include {quoted_list(sorted(forbidden))} in securityContext.capabilities.add",
        tuple(paths),
    )


CHECK = Check("capabilities_baseline", "pss-capabilities-baseline", "baseline", (Version(0, v1_0),))
