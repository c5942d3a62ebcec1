"""runAsUser: MustRunAs a uid of the ranges, MustRunAsNonRoot, or RunAsAny.

Restricted fields: spec.securityContext.runAsUser and .runAsNonRoot, and of every container
Default: MustRunAs fills in the least uid of the first range, MustRunAsNonRoot fills in runAsNonRoot: true
"""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.policy.admission.pod_values import ContainerValues
from ecirun.policy.admission.psp.draft import Complaint, Draft, effective, invalid, required
from ecirun.policy.admission.psp.policy import PodSecurityPolicy

RULE = "psp-run-as-user"


def default(policy: PodSecurityPolicy, draft: Draft, container: ContainerValues) -> None:
    """Choose a user where none is chosen."""
    if policy.run_as_user.rule == "MustRunAs" and effective(draft.pod, container, "runAsUser") is None:
        draft.set_in_container(container, "runAsUser", policy.run_as_user.ranges[0].least)


def default_non_root(policy: PodSecurityPolicy, draft: Draft, container: ContainerValues) -> None:
    """Leave the choice to the image, but for root."""
    unset = all(effective(draft.pod, container, field) is None for field in ("runAsNonRoot", "runAsUser"))
    if policy.run_as_user.rule == "MustRunAsNonRoot" and unset:
        draft.set_in_container(container, "runAsNonRoot", True)


def check(policy: PodSecurityPolicy, draft: Draft, container: ContainerValues) -> Iterator[Complaint]:
    """A user that the policy does not take."""
    strategy = policy.run_as_user
    path = f"{container.path}.securityContext"
    uid, non_root = (effective(draft.pod, container, field) for field in ("runAsUser", "runAsNonRoot"))
    if strategy.rule == "MustRunAs":
        if uid is None:
            yield required(RULE, f"{path}.runAsUser")
        elif not strategy.takes(uid):
            yield invalid(RULE, f"{path}.runAsUser", uid, f"must be in the ranges: {strategy.ranges_text()}")
    elif strategy.rule == "MustRunAsNonRoot":
        if uid is None and non_root is None:
            yield required(RULE, f"{path}.runAsNonRoot", "must be true")
        elif non_root is False:
            yield invalid(RULE, f"{path}.runAsNonRoot", False, "must be true")
        elif uid == 0:
            yield invalid(RULE, f"{path}.runAsUser", 0, "running with the root UID is forbidden")
