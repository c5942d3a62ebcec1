"""Capabilities: what may be added, what is added, and what must be dropped.

Restricted fields: spec.containers[*].securityContext.capabilities, and of initContainers and ephemeralContainers
Default: defaultAddCapabilities but for what the container drops, and requiredDropCapabilities
"""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.policy.admission.pod_values import ContainerValues
from ecirun.policy.admission.psp.draft import Complaint, Draft, invalid, invalid_list
from ecirun.policy.admission.psp.policy import ALL, PodSecurityPolicy

RULE = "psp-capabilities"


def default(policy: PodSecurityPolicy, draft: Draft, container: ContainerValues) -> None:
    """Add and drop what the policy wants."""
    own = container.context.get("capabilities", {})
    added, dropped = set(own.get("add", ())), set(own.get("drop", ()))
    all_added = added | (set(policy.default_add_capabilities) - dropped)
    all_dropped = dropped | set(policy.required_drop_capabilities)
    if all_added == added and all_dropped == dropped:
        return
    lists = {"add": sorted(all_added), "drop": sorted(all_dropped)}
    draft.set_in_container(container, "capabilities", {field: names for field, names in lists.items() if names})


def check(policy: PodSecurityPolicy, draft: Draft, container: ContainerValues) -> Iterator[Complaint]:
    """A capability that may not be added, or is not dropped."""
    path = f"{container.path}.securityContext.capabilities"
    own = container.context.get("capabilities")
    if own is None:
        if policy.default_add_capabilities or policy.required_drop_capabilities:
            yield invalid(RULE, path, None, "required capabilities are not set on the securityContext")
        return
    if ALL in policy.allowed_capabilities:
        return
    allowed = (*policy.default_add_capabilities, *policy.allowed_capabilities)
    for index, capability in enumerate(own.get("add", ())):
        if capability not in allowed:
            yield invalid(RULE, f"{path}.add[{index}]", capability, "capability may not be added", f"{path}.add")
    dropped = own.get("drop")
    for capability in policy.required_drop_capabilities:
        if capability not in (dropped or ()):
            detail = f"{capability} is required to be dropped but was not found"
            yield invalid_list(RULE, f"{path}.drop", "[]core.Capability", dropped, detail)
