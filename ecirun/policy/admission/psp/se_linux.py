"""seLinux: MustRunAs with the policy's options, or RunAsAny.

Restricted fields: spec.securityContext.seLinuxOptions, and of every container
Default: MustRunAs fills in the policy's options for the whole pod
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ecirun.policy.admission.pod_values import ContainerValues
from ecirun.policy.admission.psp.draft import Complaint, Draft, effective, invalid, required
from ecirun.policy.admission.psp.policy import PodSecurityPolicy

RULE = "psp-se-linux"


def default(policy: PodSecurityPolicy, draft: Draft) -> None:
    """Give the pod the policy's options where it has none; its containers inherit them."""
    if policy.se_linux_rule == "MustRunAs" and draft.pod.context.get("seLinuxOptions") is None:
        draft.set_in_pod("seLinuxOptions", dict(policy.se_linux_options))


def check_pod(policy: PodSecurityPolicy, draft: Draft) -> Iterator[Complaint]:
    """Options of the pod that are not the policy's."""
    options = draft.pod.context.get("seLinuxOptions")
    yield from _check(policy, draft.pod.at("securityContext.seLinuxOptions"), options)


def check(policy: PodSecurityPolicy, draft: Draft, container: ContainerValues) -> Iterator[Complaint]:
    """Options of a container that are not the policy's."""
    options = effective(draft.pod, container, "seLinuxOptions")
    yield from _check(policy, f"{container.path}.securityContext.seLinuxOptions", options)


def _check(policy: PodSecurityPolicy, path: str, options: Any) -> Iterator[Complaint]:
    if policy.se_linux_rule != "MustRunAs":
        return
    if options is None:
        yield required(RULE, path)
        return
    for field in ("level", "role", "type", "user"):
        wanted, found = policy.se_linux_options.get(field, ""), options.get(field, "")
        if found != wanted and not (field == "level" and _same_level(wanted, found)):
            yield invalid(RULE, f"{path}.{field}", found, f"must be {wanted}")


def _same_level(one: str, other: str) -> bool:
    """Whether two levels differ only in the order of their categories: s0:c6,c0 is s0:c0,c6."""
    first, second = one.partition(":"), other.partition(":")
    both_have_categories = bool(first[1] and second[1])
    return both_have_categories and first[0] == second[0] and sorted(first[2].split(",")) == sorted(second[2].split(","))
