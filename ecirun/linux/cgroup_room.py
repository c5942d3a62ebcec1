"""Room for groups in a container's own version 2 group, which holds the container's processes.

Below a group with processes no group can have controllers (cgroup-v2.rst, "No Internal Process Constraint"). So the
processes are moved into a group of their own for as long as somebody uses the room, and then moved back. Each user holds a
shared lock on the group's folder; whoever can have it exclusively is the only one.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Collection, Iterable

from ecirun.linux.cgroup import ROOM, WANTED, Hierarchy, enable, words, write
from ecirun.linux.proc import in_first_namespace

MOST_ATTEMPTS = 100  # of moving processes that fork meanwhile


class Room:
    """The use of such a room."""

    def __init__(self, folder: str, lock: int) -> None:
        self.folder = folder
        self.lock = lock

    def leave(self) -> None:
        """The last user puts everything back."""
        with contextlib.suppress(OSError):
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _give_back(self.folder)
        os.close(self.lock)


def enter(found: Iterable[Hierarchy], wanted: Collection[str] = WANTED) -> tuple[tuple[Hierarchy, ...], list[Room]]:
    """The hierarchies, with the controllers that a room gives them, and the rooms."""
    rooms: list[Room] = []
    result = []
    for hierarchy in found:
        if room := _room(hierarchy, wanted):
            rooms.append(room)
            hierarchy = hierarchy._replace(controllers=frozenset(words(f"{room.folder}/cgroup.subtree_control") & set(wanted)))
        result.append(hierarchy)
    return tuple(result), rooms


def can_enter(hierarchy: Hierarchy, wanted: Collection[str] = WANTED) -> set[str]:
    """The controllers that its groups would have in a room; none where there can be no room, or is no need of one."""
    is_containers = not (in_first_namespace("pid") and in_first_namespace("cgroup"))
    has_type = os.path.exists(f"{hierarchy.folder}/cgroup.type")  # the first group of a kernel has none
    needs_one = not hierarchy.controllers or os.path.isdir(f"{hierarchy.folder}/{ROOM}")
    if not (hierarchy.version == 2 and is_containers and has_type and needs_one):
        return set()
    return words(f"{hierarchy.folder}/cgroup.controllers") & set(wanted)


def _room(hierarchy: Hierarchy, wanted: Collection[str]) -> Room | None:
    controllers = can_enter(hierarchy, wanted)
    if not controllers:
        return None
    lock = os.open(hierarchy.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _make(hierarchy.folder, controllers)
            # While nobody had a lock, the last user may have left and taken the room away.
            fcntl.flock(lock, fcntl.LOCK_SH)
            if controllers <= words(f"{hierarchy.folder}/cgroup.subtree_control"):
                return Room(hierarchy.folder, lock)
    except OSError:
        os.close(lock)
        return None


def _make(folder: str, controllers: Collection[str]) -> None:
    """Raises OSError, and leaves everything as it was, when it cannot be done."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(f"{folder}/{ROOM}", 0o755)
    try:
        for attempt in range(MOST_ATTEMPTS):
            _move(folder, f"{folder}/{ROOM}")
            try:
                return enable(folder, controllers)
            except OSError as error:
                if error.errno != errno.EBUSY or attempt == MOST_ATTEMPTS - 1:
                    raise
    except OSError:
        _give_back(folder)
        raise


def _give_back(folder: str) -> None:
    with contextlib.suppress(OSError):
        for controller in words(f"{folder}/cgroup.subtree_control"):
            write(f"{folder}/cgroup.subtree_control", f"-{controller}")
        _move(f"{folder}/{ROOM}", folder)
        os.rmdir(f"{folder}/{ROOM}")


def _move(source: str, target: str) -> None:
    """Move the processes of one group into another. Raises OSError."""
    for pid in words(f"{source}/cgroup.procs"):
        if pid == "0":  # one of another PID namespace; written, it would mean this process
            raise OSError(errno.EPERM, os.strerror(errno.EPERM), source)
        with contextlib.suppress(ProcessLookupError):
            write(f"{target}/cgroup.procs", pid)
