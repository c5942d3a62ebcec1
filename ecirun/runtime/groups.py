"""The control groups of a pod: one for each container, `ecirun/ID.N`.

The first one is locked for as long as its supervisor lives. A lock tells the living from what a killed one left behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from ecirun.linux import cgroup

PARENT = "ecirun"


class Groups:
    """The groups of one supervisor's pod."""

    def __init__(self, hierarchies: tuple[cgroup.Hierarchy, ...]) -> None:
        self.hierarchies = hierarchies
        self._made: list[cgroup.Group] = []
        self._id = ""
        self._lock = -1

    @property
    def lock(self) -> int:
        """A descriptor that must stay open as long as they are used; -1 when there is none."""
        return self._lock

    def new(self) -> cgroup.Group | None:
        """A group for one more container; None where this host has none. Raises OSError."""
        if not self.hierarchies:
            return None
        if not self._made:
            self._made.append(self._first())
        else:
            self._made.append(cgroup.create(self.hierarchies, f"{PARENT}/{self._id}.{len(self._made)}"))
        return self._made[-1]

    def _first(self) -> cgroup.Group:
        while True:
            self._id = os.urandom(8).hex()
            group = cgroup.create(self.hierarchies, f"{PARENT}/{self._id}.0")
            with contextlib.suppress(FileNotFoundError):
                self._lock = os.open(group.places[0], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                fcntl.flock(self._lock, fcntl.LOCK_EX)
                # Between its making and its lock it looked like one that was left behind.
                with contextlib.suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(self._lock), os.stat(group.places[0])):
                        return group
                os.close(self._lock)
            cgroup.remove(group)  # what was made of it after somebody took it away

    def remove(self) -> None:
        """Remove them, and the folder of all pods' groups when they were the last."""
        for group in reversed(self._made):
            cgroup.remove(group)
        if self._made:
            os.close(self._lock)
            _remove_parents(self.hierarchies)
        self._made = []


def sweep_all() -> None:
    """Remove the groups of supervisors that were killed, from every hierarchy."""
    known = cgroup.hierarchies()
    sweep(known)
    sweep(cgroup.other_hierarchies(known))


def sweep(hierarchies: tuple[cgroup.Hierarchy, ...]) -> None:
    """Remove the groups of supervisors that were killed from hierarchies in which they have the same."""
    if not hierarchies:
        return
    # All of them: one that was killed while it removed its groups has left some in some.
    parents = [f"{hierarchy.folder}/{PARENT}" for hierarchy in hierarchies]
    there = [(parent, name) for parent in parents for name in _folders(parent)]
    for pod in {_pod_of(name) for _parent, name in there}:
        # Held until they are removed: who has just made them and wants the lock now must find that they are gone.
        with _lock_of_a_lost_pod(f"{parents[0]}/{pod}.0") as is_lost:
            for parent, name in there if is_lost else ():
                if _pod_of(name) == pod:
                    cgroup.remove_folder(f"{parent}/{name}")
    _remove_parents(hierarchies)


def _folders(parent: str) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        return [entry.name for entry in os.scandir(parent) if entry.is_dir(follow_symlinks=False)]
    return []


def _pod_of(name: str) -> str:
    return name.rpartition(".")[0]


@contextlib.contextmanager
def _lock_of_a_lost_pod(folder: str) -> Iterator[bool]:
    """Whether no supervisor has the lock of its first group; this process has it meanwhile, if the group is still there."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield True
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(lock)


def _remove_parents(hierarchies: tuple[cgroup.Hierarchy, ...]) -> None:
    for hierarchy in hierarchies:
        with contextlib.suppress(OSError):
            os.rmdir(f"{hierarchy.folder}/{PARENT}")
