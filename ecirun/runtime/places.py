"""The host's folders that a pod needs, handed to its supervisor as unattached mounts.

The client opens them, in its own view of the host: roots of images, mapped folders, and the pod's own folder for volumes on
the disk. The supervisor, whose view is read-only and may be older, attaches what it gets.
"""

from __future__ import annotations

import contextlib
import os

from ecirun.errors import LaunchFailed
from ecirun.linux import mount
from ecirun.linux.tree import remove_tree
from ecirun.plan.model import PodPlan


class Places:
    """Open places of one pod: mounts by path, and the folder that holds the pod's scratch folder (-1 without one)."""

    def __init__(self, plan: PodPlan) -> None:
        """Raises LaunchFailed for a folder that is not there."""
        self.plan = plan
        self.mounts: dict[str, int] = {}
        self.parent = -1
        try:
            if plan.scratch:
                self._make_scratch(plan.scratch)
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

    def _make_scratch(self, path: str) -> None:
        folder, name = os.path.split(path)
        os.makedirs(folder, 0o700, exist_ok=True)
        self.parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        os.mkdir(name, 0o755, dir_fd=self.parent)
        self._open(path)

    def _open(self, path: str, *, recursive: bool = False) -> None:
        if path in self.mounts:
            return
        try:
            self.mounts[path] = mount.open_tree(path, recursive=recursive)
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from None
        mount.mount_setattr(self.mounts[path], add=mount.MOUNT_ATTR_NODEV, recursive=recursive, what=path)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What travels: the scratch folder's folder, if there is one, then the mounts."""
        return (*((self.parent,) if self.parent >= 0 else ()), *self.mounts.values())

    def close(self) -> None:
        """They have travelled."""
        for descriptor in self.mounts.values():
            os.close(descriptor)
        self.mounts = {}

    def forget(self) -> None:
        """The scratch folder is the supervisor's."""
        if self.parent >= 0:
            os.close(self.parent)
            self.parent = -1

    def remove_scratch(self) -> None:
        """Nobody has taken over the scratch folder."""
        if self.parent >= 0:
            with contextlib.suppress(OSError):
                remove_tree(self.parent, os.path.basename(self.plan.scratch))
            os.close(self.parent)
            self.parent = -1
            with contextlib.suppress(OSError):
                os.rmdir(os.path.dirname(self.plan.scratch))
