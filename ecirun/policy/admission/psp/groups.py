"""runAsGroup, fsGroup and supplementalGroups: MustRunAs or MayRunAs a gid of the ranges, or RunAsAny.

Restricted fields: spec.securityContext.fsGroup, .supplementalGroups and .runAsGroup; runAsGroup of every container
Default: MustRunAs fills in the least gid of the first range
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ecirun.policy.admission.pod_values import ContainerValues
from ecirun.policy.admission.psp.draft import Complaint, Draft, effective, invalid_list
from ecirun.policy.admission.psp.policy import PodSecurityPolicy, Strategy

FS_GROUP, SUPPLEMENTAL_GROUPS, RUN_AS_GROUP = "psp-fs-group", "psp-supplemental-groups", "psp-run-as-group"


def default_supplemental_groups(policy: PodSecurityPolicy, draft: Draft) -> None:
    """Choose a group where none is chosen; an empty list is a choice."""
    if policy.supplemental_groups.rule == "MustRunAs" and draft.pod.context.get("supplementalGroups") is None:
        draft.set_in_pod("supplementalGroups", [policy.supplemental_groups.ranges[0].least])


def default_fs_group(policy: PodSecurityPolicy, draft: Draft) -> None:
    """Choose a group where none is chosen."""
    if policy.fs_group.rule == "MustRunAs" and draft.pod.context.get("fsGroup") is None:
        draft.set_in_pod("fsGroup", policy.fs_group.ranges[0].least)


def default_run_as_group(policy: PodSecurityPolicy, draft: Draft, container: ContainerValues) -> None:
    """Choose a group where none is chosen."""
    if policy.run_as_group.rule == "MustRunAs" and effective(draft.pod, container, "runAsGroup") is None:
        draft.set_in_container(container, "runAsGroup", policy.run_as_group.ranges[0].least)


def check_fs_group(policy: PodSecurityPolicy, draft: Draft) -> Iterator[Complaint]:
    """A group that the policy does not take."""
    group = draft.pod.context.get("fsGroup")
    groups = None if group is None else [group]
    yield from _check(FS_GROUP, draft.pod.at("securityContext.fsGroup"), policy.fs_group, groups)


def check_supplemental_groups(policy: PodSecurityPolicy, draft: Draft) -> Iterator[Complaint]:
    """Groups that the policy does not take."""
    path = draft.pod.at("securityContext.supplementalGroups")
    yield from _check(SUPPLEMENTAL_GROUPS, path, policy.supplemental_groups, draft.pod.context.get("supplementalGroups"))


def check_run_as_group(policy: PodSecurityPolicy, draft: Draft, container: ContainerValues) -> Iterator[Complaint]:
    """A group that the policy does not take. Kubernetes names the whole securityContext here."""
    group = effective(draft.pod, container, "runAsGroup")
    groups = None if group is None else [group]
    yield from _check(RUN_AS_GROUP, f"{container.path}.securityContext", policy.run_as_group, groups)


def _check(rule: str, path: str, strategy: Strategy, groups: Sequence[int] | None) -> Iterator[Complaint]:
    if strategy.rule == "MustRunAs" and not groups:
        yield invalid_list(rule, path, "[]int64", groups, "unable to validate empty groups against required ranges")
    if strategy.rule in ("MustRunAs", "MayRunAs"):
        for group in groups or ():
            if not strategy.takes(group):
                detail = f"group {group} must be in the ranges: {strategy.ranges_text()}"
                yield invalid_list(rule, path, "[]int64", groups, detail)
