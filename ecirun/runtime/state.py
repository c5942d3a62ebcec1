"""The state folder /run/ecirun: one folder per pod, held by a lock for as long as its supervisor lives.

A lock tells life from death better than a pid does: the kernel drops it with the last process that has it, and nobody can
take a stale one for a live one. Every file is written beside its place and renamed into it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from typing import Any

from ecirun.errors import HostUnsupported, PodNameTaken

STATE = "/run/ecirun"


class PodFolder:
    """The folder of a pod that this process (and whom it forks) holds the lock of."""

    def __init__(self, name: str, lock: int) -> None:
        self.name = name
        self.lock = lock

    @property
    def path(self) -> str:
        """Where the folder is."""
        return f"{STATE}/{self.name}"

    def write(self, name: str, document: dict[str, Any]) -> None:
        """Write one JSON file atomically."""
        write_file(f"{self.path}/{name}", json.dumps(document, indent=1) + "\n")

    def remove(self) -> None:
        """Take the folder away; the lock goes last, with the process."""
        remove_folder(self.path)


def create(name: str) -> PodFolder:
    """A new folder for a pod of that name.

    Raises PodNameTaken when a pod of that name runs, HostUnsupported without the right to write.
    """
    try:
        os.makedirs(STATE, 0o700, exist_ok=True)
        draft = f"{STATE}/.new-{os.getpid()}"
        remove_folder(draft)
        os.makedirs(f"{draft}/mnt", 0o700)
        lock = os.open(f"{draft}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except PermissionError as error:
        raise HostUnsupported(f"Can't write {error.filename}: {error.strerror}", hint="run ecirun as root") from None
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        os.rename(draft, f"{STATE}/{name}")
    except OSError:
        os.close(lock)
        remove_folder(draft)
        raise PodNameTaken(
            f'Can\'t start pod "{name}": a pod of that name runs already', hint="give this one another name with --name"
        ) from None
    return PodFolder(name, lock)


def write_file(path: str, text: str) -> None:
    """Write a file so that a reader sees the old one or the new one, whole."""
    draft = f"{path}.new-{os.getpid()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
    os.replace(draft, path)


def lost_pods() -> Iterator[PodFolder]:
    """The folders whose supervisor is gone, each locked by this process while the caller cleans up after it."""
    try:
        names = sorted(os.listdir(STATE))
    except (FileNotFoundError, PermissionError):
        return
    for name in names:
        if name == ".network" or name.startswith(".sysctl"):
            continue
        lock = _take_lock(name)
        if lock >= 0:
            try:
                yield PodFolder(name, lock)
            finally:
                os.close(lock)


def _take_lock(name: str) -> int:
    try:
        lock = os.open(f"{STATE}/{name}/lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        # A draft gets its lock right after it is made, and names the process that makes it. A named folder came into being
        # with its lock and loses it last, so one without is half removed.
        if not name.startswith(".new-") or not os.path.exists(f"/proc/{name[5:]}"):
            remove_folder(f"{STATE}/{name}")
        return -1
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return -1
    return lock


def remove_folder(path: str) -> None:
    """Remove a pod's folder and what is in it; nothing to remove is fine."""
    with contextlib.suppress(FileNotFoundError):
        for entry in sorted(os.scandir(path), key=lambda entry: entry.name == "lock"):
            if entry.is_dir(follow_symlinks=False):
                remove_folder(entry.path)
            else:
                os.unlink(entry.path)
        os.rmdir(path)


def remove_if_empty() -> None:
    """Leave nothing behind when no pod is left."""
    with contextlib.suppress(OSError):
        os.rmdir(STATE)
