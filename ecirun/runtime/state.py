"""The state folder /run/ecirun: one folder per pod, held by a lock for as long as its supervisor lives.

A lock tells life from death better than a pid does: the kernel drops it with the last process that has it, and nobody can
take a stale one for a live one. Every file is written beside its place and renamed into it. The folder is the only truth: a
pod that ended keeps its folder, with its last state and its logs, until it is removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from ecirun.errors import HostUnsupported, PodNameTaken

STATE = "/run/ecirun"
CONTROL = "control.sock"
ENDED = ("Succeeded", "Failed")


class PodFolder:
    """The folder of a pod that this process holds the lock of."""

    def __init__(self, path: str, lock: int) -> None:
        self.path = path
        self.lock = lock

    def write(self, name: str, text: str) -> None:
        """Write one file atomically. Raises OSError."""
        write_file(f"{self.path}/{name}", text)

    def take_name(self, name: str) -> None:
        """Become the folder of the pod of that name. Raises PodNameTaken when there is one."""
        root = os.path.dirname(self.path)
        try:
            os.rename(self.path, f"{root}/{name}")
        except OSError:
            raise _name_taken(root, name) from None
        self.path = f"{root}/{name}"

    def give_up_name(self) -> None:
        """From here on another pod may have the name; the folder is a draft again."""
        path = f"{os.path.dirname(self.path)}/.new-{os.getpid()}"
        os.rename(self.path, path)
        self.path = path

    def remove(self) -> None:
        """Take the folder away; the lock goes last, with the process."""
        remove_folder(self.path)


class PodRecord(NamedTuple):
    """A pod as its folder shows it. `state` is its state.json, empty while it is being launched."""

    name: str
    alive: bool
    state: dict[str, Any]

    @property
    def lost(self) -> bool:
        """Whether its supervisor died before it could say how the pod ended."""
        return not self.alive and self.state.get("phase") not in ENDED


def draft(root: str) -> PodFolder:
    """A folder for a pod whose name is not known yet, in the state folder `root`."""
    path = f"{root}/.new-{os.getpid()}"
    try:
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            remove_folder(path)  # of a process that was killed, and whose pid this one has
            os.mkdir(path, 0o700)
        lock = os.open(f"{path}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except PermissionError as error:
        raise HostUnsupported(f"Can't write {error.filename}: {error.strerror}", hint="run ecirun as root") from None
    fcntl.flock(lock, fcntl.LOCK_EX)
    return PodFolder(path, lock)


def _name_taken(root: str, name: str) -> PodNameTaken:
    record = read(root, name)
    if record is not None and not record.alive:
        return PodNameTaken(
            f'Can\'t start pod "{name}": the folder of an earlier pod of that name is still there',
            hint=f"remove it with `ecirun rm {name}`, or give this one another name with --name",
        )
    return PodNameTaken(
        f'Can\'t start pod "{name}": a pod of that name runs already', hint="give this one another name with --name"
    )


def write_file(path: str, text: str) -> None:
    """Write a file so that a reader sees the old one or the new one, whole. Raises OSError."""
    draft = f"{path}.new-{os.getpid()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        data = text.encode()
        while data:
            data = data[os.write(descriptor, data) :]
        os.replace(draft, path)
    except OSError:
        os.unlink(draft)
        raise
    finally:
        os.close(descriptor)


def names(root: str = STATE) -> list[str]:
    """The names of the pods that have a folder."""
    try:
        return sorted(name for name in os.listdir(root) if not name.startswith("."))
    except (FileNotFoundError, PermissionError):
        return []


def read(root: str, name: str) -> PodRecord | None:
    """The pod of that name, or None."""
    try:
        lock = os.open(f"{root}/{name}/lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        alive = not _lock_now(lock)
    finally:
        os.close(lock)
    return PodRecord(name, alive, _state(f"{root}/{name}"))


def _lock_now(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _state(path: str) -> dict[str, Any]:
    try:
        with open(f"{path}/state.json") as file:
            state = json.load(file)
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def lost_pods(root: str = STATE) -> Iterator[tuple[PodRecord, PodFolder]]:
    """The pods whose supervisor is gone, each locked by this process while the caller cleans up after it."""
    try:
        found = sorted(os.listdir(root))
    except (FileNotFoundError, PermissionError):
        return
    for name in found:
        if name.startswith(".") and not name.startswith(".new-"):
            continue
        path = f"{root}/{name}"
        try:
            lock = os.open(f"{path}/lock", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            # A named folder came into being with its lock and loses it last, so one without is half removed. A draft gets
            # its lock right after it is made, and names the process that makes it.
            if not name.startswith(".new-") or not os.path.exists(f"/proc/{name[5:]}"):
                remove_folder(path)
            continue
        try:
            if _lock_now(lock):
                record = PodRecord(name, False, _state(path))
                if name.startswith(".new-"):
                    remove_folder(path)
                elif record.lost:
                    yield record, PodFolder(path, lock)
        finally:
            os.close(lock)


def remove_folder(path: str) -> None:
    """Remove a pod's folder and what is in it; nothing to remove is fine."""
    with contextlib.suppress(FileNotFoundError):
        for entry in sorted(os.scandir(path), key=lambda entry: entry.name == "lock"):
            if entry.is_dir(follow_symlinks=False):
                remove_folder(entry.path)
            else:
                os.unlink(entry.path)
        os.rmdir(path)


def remove_if_empty(root: str = STATE) -> None:
    """Leave nothing behind when no pod is left."""
    with contextlib.suppress(OSError):
        os.rmdir(root)


@contextlib.contextmanager
def locked(folder: str) -> Iterator[None]:
    """One process at a time: a lock file in `folder`, which is made. Who empties the folder may remove it under the lock."""
    while True:
        os.makedirs(folder, 0o700, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(f"{folder}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            # The folder may have been removed while we waited; then this lock guards nothing.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(lock), os.stat(f"{folder}/lock")):
                    break
            os.close(lock)
    try:
        yield
    finally:
        os.close(lock)
