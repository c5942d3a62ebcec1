"""The state folder /run/ecirun: one folder per pod, held by a lock for as long as its supervisor lives.

A lock tells life from death better than a pid does: the kernel drops it with the last process that has it, and nobody can
take a stale one for a live one. Who makes, names or removes a folder has it to itself meanwhile (flock), which is a lock of
another kind. Every file is written beside its place and renamed into it. The folder is the only truth: a pod that ended
keeps its folder, with its last state and its logs, until it is removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator

from ecirun.errors import HostUnsupported, PodNameTaken
from ecirun.linux import locks
from ecirun.record import Record

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Any

STATE = "/run/ecirun"
CONTROL = "control.sock"
ENDED = ("Succeeded", "Failed")
DRAFT = ".new-"  # a folder that has no name yet, or no longer


class PodFolder:
    """The folder of a pod, as its supervisor or who cleans up after it has it. `lock` is a descriptor of it."""

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
        path = _draft_path(os.path.dirname(self.path))
        os.rename(self.path, path)
        self.path = path

    def remove(self) -> None:
        """Take the folder away."""
        if not os.path.basename(self.path).startswith(DRAFT):
            self.give_up_name()
        remove_folder(self.path)


class PodRecord(Record):
    """A pod as its folder shows it. `state` is its state.json, empty while it is being launched."""

    name: str
    alive: bool
    state: dict[str, Any]

    @property
    def lost(self) -> bool:
        """Whether its supervisor died before it could say how the pod ended."""
        return not self.alive and self.state.get("phase") not in ENDED


def draft(root: str) -> PodFolder:
    """A folder for a pod whose name is not known yet, in the state folder `root`, held by this process."""
    while True:
        path = _draft_path(root)
        try:
            os.mkdir(path, 0o700)
        except PermissionError as error:
            raise HostUnsupported(f"Can't write {error.filename}: {error.strerror}", hint="run ecirun as root") from None
        # Until it is held it looks like one that was left behind.
        with contextlib.suppress(FileNotFoundError), locks.to_oneself(path):
            return PodFolder(path, _held(path))


def hold_root(root: str = STATE) -> int:
    """The state folder itself, made when it is missing, and not to be removed before the descriptor is closed."""
    while True:
        os.makedirs(root, 0o700, exist_ok=True)
        with contextlib.suppress(FileNotFoundError), locks.to_oneself(root):
            return _held(root)


def _held(path: str) -> int:
    held = os.open(path, locks.FOLDER)
    locks.hold(held)
    return held


def _draft_path(root: str) -> str:
    return f"{root}/{DRAFT}{os.urandom(8).hex()}"


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
    unfinished = f"{path}.new-{os.urandom(4).hex()}"
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        data = text.encode()
        while data:
            data = data[os.write(descriptor, data) :]
        os.replace(unfinished, path)
    except OSError:
        os.unlink(unfinished)
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
    if not name or "/" in name or name.startswith("."):
        return None
    try:
        folder = os.open(f"{root}/{name}", locks.FOLDER)
    except OSError:
        return None
    try:
        return _record(folder, name)
    finally:
        os.close(folder)


def _record(folder: int, name: str) -> PodRecord:
    # In this order: one that ends meanwhile is seen alive with its last state, and never lost.
    alive = locks.is_held(folder)
    return PodRecord(name, alive, _state(folder))


def _state(folder: int) -> dict[str, Any]:
    try:
        with open(os.open("state.json", os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)) as file:
            state = json.load(file)
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def lost_pods(root: str = STATE) -> Iterator[tuple[PodRecord, PodFolder]]:
    """The pods whose supervisor is gone, each to itself while the caller cleans up after it. Drafts of such go on the way.

    Raises HostUnsupported when the state folder is somebody else's.
    """
    try:
        found = sorted(os.listdir(root))
    except FileNotFoundError:
        return
    except PermissionError as error:
        raise HostUnsupported(f"Can't read {root}: {error.strerror}", hint="run ecirun as root") from None
    for name in found:
        path = f"{root}/{name}"
        if (name.startswith(".") and not name.startswith(DRAFT)) or _is_in_order(path):
            continue
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), locks.to_oneself(path) as lock:
            record = _record(lock, name)
            if record.alive:
                continue
            if name.startswith(DRAFT):
                remove_folder(path)
            elif record.lost:
                yield record, PodFolder(path, lock)


def _is_in_order(path: str) -> bool:
    """Whether the folder's supervisor lives, as nearly all do: nothing else need be looked at."""
    try:
        folder = os.open(path, locks.FOLDER)
    except OSError:
        return True
    try:
        return locks.is_held(folder)
    finally:
        os.close(folder)


def remove_pod(root: str, name: str) -> bool:
    """Remove the folder of a pod that has ended; False when it runs (again)."""
    with contextlib.suppress(FileNotFoundError), locks.to_oneself(f"{root}/{name}") as lock:
        if locks.is_held(lock):
            return False
        PodFolder(f"{root}/{name}", lock).remove()
    return True


def remove_folder(path: str) -> None:
    """Remove a folder and what is in it; nothing to remove is fine."""
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(path):
            if entry.is_dir(follow_symlinks=False):
                remove_folder(entry.path)
            else:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(entry.path)
        os.rmdir(path)


def remove_if_empty(root: str = STATE) -> None:
    """Leave nothing behind when no pod is left, and no launcher that may start one."""
    with contextlib.suppress(OSError), locks.to_oneself(root) as lock:
        if not locks.is_held(lock):
            os.rmdir(root)


@contextlib.contextmanager
def locked(folder: str) -> Iterator[None]:
    """One process at a time: a lock file in `folder`, which is made. Who empties the folder may `remove_locked` it."""
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


def remove_locked(folder: str) -> None:
    """Remove a folder that this process has `locked`, and that has nothing but the lock."""
    os.unlink(f"{folder}/lock")
    # From here on somebody else may have made another lock in it; then the folder is that one's to remove.
    with contextlib.suppress(OSError):
        os.rmdir(folder)
