"""A plan in a few lines: what decides whether a test of a security context passes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from ecirun.plan.model import ContainerPlan, PodPlan
from ecirun.report.text import printable


def plan_brief(plan: PodPlan) -> str:
    """The pod's sysctls, and each container's ids, capabilities, root and command; no newline at the end."""
    lines = [f"{plan.kind} {plan.namespace}/{plan.name}, judged by {plan.policy}, network {plan.network.mode}"]
    lines += [f"sysctl {sysctl.name} = {sysctl.value} ({sysctl.scope})" for sysctl in plan.sysctls]
    for container in plan.all_containers:
        lines += _container(container)
    return "\n".join(printable(line) for line in lines)


def _container(plan: ContainerPlan) -> Iterator[str]:
    groups = " ".join(str(group.gid) for group in plan.supplementary_groups) or "none"
    root = "read-only" if plan.root.read_only else "writable"
    privileges = "no_new_privs" if plan.no_new_privs else "new privileges allowed"
    yield f"container {plan.name}: uid {plan.user.uid}, gid {plan.group.gid}, groups {groups}, root {root}, {privileges}"
    for name in ("bounding", "effective"):
        entry = getattr(plan.capabilities, name)
        yield f"    {name:9} {entry.mask} {' '.join(entry.names) or '(empty)'}"
    yield f"    command   {shlex.join(plan.command.argv)}"
