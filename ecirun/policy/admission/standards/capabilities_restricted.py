"""Every container must drop all capabilities, and may add only NET_BIND_SERVICE.

Restricted fields: spec.containers[*].securityContext.capabilities.drop, and of initContainers and ephemeralContainers
Allowed values: a list with ALL in it; since v1.25 anything in a pod that runs on Windows
Restricted fields: spec.containers[*].securityContext.capabilities.add, and of initContainers and ephemeralContainers
Allowed values: unset, or NET_BIND_SERVICE
"""

from __future__ import annotations

from ecirun.policy.admission.pod_values import PodValues
from ecirun.policy.admission.standards.check import Check, Version, Violation, containers_named, is_windows, quoted_list


def v1_22(pod: PodValues) -> Violation | None:
    """Every container that keeps a capability or adds one."""
    keeping, adding = [], []
    forbidden: set[str] = set()
    keeping_paths, adding_paths = [], []
    for container in pod.containers:
        capabilities = container.context.get("capabilities", {})
        path = f"{container.path}.securityContext.capabilities"
        if "ALL" not in capabilities.get("drop", ()):
            keeping.append(container.name)
            keeping_paths.append(f"{path}.drop")
        added = capabilities.get("add", ())
        bad = [index for index, capability in enumerate(added) if capability != "NET_BIND_SERVICE"]
        if bad:
            adding.append(container.name)
            forbidden.update(added[index] for index in bad)
            adding_paths += [f"{path}.add[{index}]" for index in bad]
    details = []
    if keeping:
        details.append(f'{containers_named(keeping)} must set securityContext.capabilities.drop=["ALL"]')
    if adding:
        details.append(
            f"{containers_named(adding)} must not include {quoted_list(sorted(forbidden))} in securityContext.capabilities.add"
        )
    if not details:
        return None
    return Violation("unrestricted capabilities", "; ".join(details), (*keeping_paths, *adding_paths))


def v1_25(pod: PodValues) -> Violation | None:
    """The same, but for Windows, where capabilities cannot be set."""
    return None if is_windows(pod) else v1_22(pod)


CHECK = Check(
    "capabilities_restricted",
    "pss-capabilities-restricted",
    "restricted",
    (Version(22, v1_22, ("capabilities_baseline",)), Version(25, v1_25, ("capabilities_baseline",))),
)
