"""The host's folders that a pod needs, handed to its supervisor as unattached mounts.

The client opens them, in its own view of the host: roots of images, mapped folders, and the pod's scratch folder for volumes
on the disk. The supervisor, whose view is read-only and may be older, attaches what it gets.

A scratch folder is held by a lock as long as somebody has it open. One that nobody holds was left behind by processes that
were killed.
"""

from __future__ import annotations

import contextlib
import os

from ecirun.errors import LaunchFailed
from ecirun.linux import locks, mount
from ecirun.linux.tree import remove_tree
from ecirun.plan.model import PodPlan


class Places:
    """Open places of one pod: mounts by path, and the pod's scratch folder, held (-1 without one)."""

    def __init__(self, plan: PodPlan) -> None:
        """Raises LaunchFailed for a folder that is not there."""
        self.plan = plan
        self.mounts: dict[str, int] = {}
        self.scratch = -1
        try:
            if plan.scratch:
                self.scratch = make_scratch(plan.scratch)
                self._open(plan.scratch)
            for container in plan.all_containers:
                self._open(container.root.path)
            for volume in plan.volumes:
                if volume.path:
                    self._open(volume.path, recursive=volume.kind == "mapped")
        except OSError as error:
            self.close()
            self.remove_scratch()
            raise LaunchFailed(
                f"Can't open {error.filename}: {error.strerror}", step="places", hint="see whether the folder is there"
            ) from None

    def _open(self, path: str, *, recursive: bool = False) -> None:
        if path in self.mounts:
            return
        try:
            self.mounts[path] = mount.open_tree(path, recursive=recursive, add=mount.MOUNT_ATTR_NODEV)
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from None

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What travels: the scratch folder, if there is one, then the mounts."""
        return (*((self.scratch,) if self.scratch >= 0 else ()), *self.mounts.values())

    def close(self) -> None:
        """They have travelled."""
        for descriptor in self.mounts.values():
            os.close(descriptor)
        self.mounts = {}

    def forget(self) -> None:
        """The scratch folder is the supervisor's."""
        if self.scratch >= 0:
            os.close(self.scratch)
            self.scratch = -1

    def remove_scratch(self) -> None:
        """The supervisor did not take the scratch folder over, or could not take it away."""
        if self.scratch >= 0:
            remove_scratch(self.scratch, self.plan.scratch)
            self.forget()


def make_scratch(path: str) -> int:
    """A new folder, held. Raises OSError."""
    parent, name = os.path.split(path)
    while True:
        os.makedirs(parent, 0o700, exist_ok=True)
        with contextlib.suppress(FileNotFoundError), locks.to_oneself(parent) as folder:
            os.mkdir(name, 0o755, dir_fd=folder)
            held = os.open(name, locks.FOLDER, dir_fd=folder)
            locks.hold(held)
            return held


def remove_scratch(held: int, path: str) -> None:
    """Remove the scratch folder `path`, and the folder of all of them when it was the last; `held` is a descriptor of it.

    The path counts where the descriptor was opened, which may be in another mount namespace.
    """
    folder, name = os.path.split(path)
    with contextlib.suppress(OSError):
        parent = os.open("..", locks.FOLDER, dir_fd=held)
        try:
            remove_tree(parent, name)
            above = os.open("..", locks.FOLDER, dir_fd=parent)
            try:
                os.rmdir(os.path.basename(folder), dir_fd=above)
            finally:
                os.close(above)
        finally:
            os.close(parent)


def sweep_scratch(parent: str) -> None:
    """Remove the scratch folders in `parent` that nobody holds, and `parent` itself when nothing is left in it."""
    with contextlib.suppress(OSError), locks.to_oneself(parent) as folder:
        for name in os.listdir(folder):
            scratch = os.open(name, locks.FOLDER, dir_fd=folder)
            is_held = locks.is_held(scratch)
            os.close(scratch)
            if not is_held:
                remove_tree(folder, name)
        os.rmdir(parent)
