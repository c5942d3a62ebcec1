"""Control groups: the version, and each controller that limits of pods need, tried with a group of its own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from ecirun.doctor.finding import Finding
from ecirun.doctor.trial import attempt
from ecirun.linux import cgroup, cgroup_room, mount, process
from ecirun.plan.model import USUAL_LIMITS, Limits
from ecirun.runtime import limits, makeshift

GROUP = "ecirun-doctor"
TRIED = {"cpu": Limits(cpu_quota=100_000), "memory": Limits(memory=1 << 30), "pids": Limits(pids=USUAL_LIMITS.pids)}


def findings() -> Iterator[Finding]:
    """The version, then one for each controller."""
    versions = attempt(_versions, namespaces=process.CLONE_NEWNS).found
    lost = makeshift.no_limits(tuple(TRIED))
    finding = Finding("cgroup-version", "keeps the limits of pods", needed=False)
    yield finding._replace(found=versions) if versions else finding._replace(says=lost.says, fix=lost.fix)
    for controller, tried in TRIED.items():
        yield _controller(controller, tried)


def _controller(controller: str, tried: Limits) -> Finding:
    finding = Finding(f"cgroup-{controller}", f"keeps limits of {makeshift.KINDS[controller]}", needed=False)
    trial = attempt(lambda: _limit(controller, tried), namespaces=process.CLONE_NEWNS)
    if trial.found:
        return finding._replace(found=trial.found)
    lost = makeshift.no_limits((controller,))
    return finding._replace(says=lost.says, fix=lost.fix)


def _usable() -> tuple[cgroup.Hierarchy, ...]:
    """As a launcher would have them: writable in its own mount namespace."""
    found = cgroup.hierarchies()
    for hierarchy in found:
        point = os.open(hierarchy.mount, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        with contextlib.suppress(PermissionError):
            mount.mount_setattr(point, remove=mount.MOUNT_ATTR_RDONLY, what=hierarchy.mount)
        os.close(point)
    return cgroup.usable(found)


def _versions() -> str:
    return " and ".join(sorted({f"version {hierarchy.version}" for hierarchy in _usable()}))


def _limit(controller: str, tried: Limits) -> str:
    """What a group of the controller would do; empty when there can be none."""
    for hierarchy in _usable():
        if controller in cgroup_room.can_enter(hierarchy):
            return "after moving this container's processes into a group of their own"
        if controller in hierarchy.controllers:
            return _limit_group(hierarchy, controller, tried)
    return ""


def _limit_group(hierarchy: cgroup.Hierarchy, controller: str, tried: Limits) -> str:
    group = cgroup.create((hierarchy,), f"{GROUP}-{os.getpid()}")
    try:
        written = [entry for entry in limits.settings(group, tried) if entry[0] == controller]
        for _controller, file, value in written[:1]:
            cgroup.write(f"{group.folders[controller]}/{file}", value)
        return f"{written[0][1]} can be set"
    finally:
        cgroup.remove(group)
