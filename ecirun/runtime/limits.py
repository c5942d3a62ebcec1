"""A container's limits as files of its control group (Kubernetes pkg/kubelet/cm, runc libcontainer/cgroups)."""

from __future__ import annotations

import errno
from collections.abc import Callable

from ecirun.errors import LaunchFailed
from ecirun.linux import cgroup
from ecirun.plan.model import NO_LIMITS, USUAL_LIMITS, Limits
from ecirun.runtime import makeshift

PERIOD = 100_000  # microseconds


def settings(group: cgroup.Group, limits: Limits) -> list[tuple[str, str, str]]:
    """(controller, file, value) of every limit that this group can keep, in the order in which to write them."""
    found = []
    if limits.memory is not None:
        if group.version_2("memory"):
            found += [("memory", "memory.max", f"{limits.memory}"), ("memory", "memory.swap.max", "0")]
            found.append(("memory", "memory.oom.group", "1"))
        else:
            found.append(("memory", "memory.limit_in_bytes", f"{limits.memory}"))
            found.append(("memory", "memory.memsw.limit_in_bytes", f"{limits.memory}"))
    if limits.pids is not None:
        found.append(("pids", "pids.max", f"{limits.pids}"))
    if limits.cpu_shares is not None:
        if group.version_2("cpu"):
            found.append(("cpu", "cpu.weight", f"{weight(limits.cpu_shares)}"))
        else:
            found.append(("cpu", "cpu.shares", f"{limits.cpu_shares}"))
    if limits.cpu_quota is not None:
        if group.version_2("cpu"):
            found.append(("cpu", "cpu.max", f"{limits.cpu_quota} {PERIOD}"))
        else:
            found += [("cpu", "cpu.cfs_period_us", f"{PERIOD}"), ("cpu", "cpu.cfs_quota_us", f"{limits.cpu_quota}")]
    return [entry for entry in found if entry[0] in group.folders]


def asked(limits: Limits) -> list[str]:
    """The controllers that the limits need; a share of the cpu is no limit."""
    needs = {"cpu": limits.cpu_quota, "memory": limits.memory, "pids": limits.pids}
    return [controller for controller, limit in needs.items() if limit is not None]


def weight(shares: int) -> int:
    """Version 2's cpu.weight for version 1's cpu.shares (1024 of which are one cpu)."""
    return 1 + (max(2, min(262144, shares)) - 2) * 9999 // 262142


def prepare(group: cgroup.Group) -> Limits:
    """Write the usual limits into a new group before its container is known, and return what it has by that."""
    try:
        for controller, file, value in settings(group, USUAL_LIMITS):
            cgroup.write(f"{group.folders[controller]}/{file}", value)
    except OSError:
        return NO_LIMITS  # `apply` will meet that too, and say it
    return USUAL_LIMITS


def apply(group: cgroup.Group | None, limits: Limits, warn: Callable[[str], None], has: Limits = NO_LIMITS) -> None:
    """Write the limits that the group does not have yet; one that the kernel refuses is a warning, once.

    Raises LaunchFailed where nothing could start.
    """
    if lost := [kind for kind in asked(limits) if group is None or kind not in group.folders]:
        warn(makeshift.no_limits(lost).says)
    if group is None:
        return
    already = settings(group, has)
    for controller, file, value in settings(group, limits):
        if (controller, file, value) in already:
            continue
        try:
            cgroup.write(f"{group.folders[controller]}/{file}", value)
        except FileNotFoundError:
            continue  # this kernel counts no swap, or knows no groups of victims
        except OSError as error:
            if controller == "memory" and error.errno == errno.EBUSY:
                raise LaunchFailed(
                    f"Can't start within a memory limit of {value} bytes: more is in use before the program starts",
                    step="cgroup",
                    hint="raise limits.memory",
                ) from None
            warn(f"limit {file}={value} is not enforced: {error.strerror}")


def oom_kills(group: cgroup.Group) -> int:
    """How many processes of the group the kernel has killed for want of memory."""
    folder = group.folders.get("memory")
    if folder is None:
        return 0
    file = "memory.events" if group.version_2("memory") else "memory.oom_control"
    for line in cgroup.read(f"{folder}/{file}").splitlines():
        name, _, value = line.partition(" ")
        if name == "oom_kill":
            return int(value)
    return 0
