"""Whole trees: removing one, giving one to a group, measuring one. Links are never followed."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat


def remove_tree(parent: int, name: str) -> None:
    """Remove what is at `name` in the directory `parent`, however deep it is; nothing there is fine. Raises OSError.

    Directories further down are moved up before they are looked into, so that depth costs neither stack nor descriptors.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        top = os.open(name, flags, dir_fd=parent)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        os.unlink(name, dir_fd=parent)
        return
    numbers = itertools.count()
    try:
        while entries := _entries(top):
            for entry, is_directory in entries:
                if not is_directory:
                    os.unlink(entry, dir_fd=top)
                    continue
                inside = os.open(entry, flags, dir_fd=top)
                try:
                    for child, child_is_directory in _entries(inside):
                        if child_is_directory:
                            _move_up(child, inside, top, numbers)
                        else:
                            os.unlink(child, dir_fd=inside)
                finally:
                    os.close(inside)
                os.rmdir(entry, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(name, dir_fd=parent)


def _entries(directory: int) -> list[tuple[str, bool]]:
    with os.scandir(directory) as entries:
        return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]


def _move_up(name: str, source: int, target: int, numbers: itertools.count[int]) -> None:
    while True:
        try:
            os.rename(name, f".{next(numbers)}", src_dir_fd=source, dst_dir_fd=target)
            return
        except OSError as error:
            # That name is somebody's already.
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise


def give_to_group(path: str, gid: int, *, read_only: bool) -> None:
    """Give the tree to a group as the kubelet does with fsGroup: owned, readable, and what is made in it inherits the group.

    Rule: Kubernetes pkg/volume/volume_linux.go (SetVolumeOwnership, changeFilePermission).
    """
    mask = 0o440 if read_only else 0o660
    for folder, _folders, files, descriptor in os.fwalk(path, follow_symlinks=False):
        _give(".", descriptor, gid, mask | 0o110 | stat.S_ISGID, folder)
        for name in files:
            _give(name, descriptor, gid, mask, f"{folder}/{name}")


def _give(name: str, descriptor: int, gid: int, mask: int, what: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        try:
            os.chown(name, -1, gid, dir_fd=descriptor, follow_symlinks=False)
            if not stat.S_ISLNK(status.st_mode):
                os.chmod(name, stat.S_IMODE(status.st_mode) | mask, dir_fd=descriptor)
        except OSError as error:
            raise OSError(error.errno, error.strerror, what) from None


def belongs_to_group(path: str, gid: int, *, read_only: bool) -> bool:
    """Whether the top of the tree is as `give_to_group` would leave it (fsGroupChangePolicy OnRootMismatch)."""
    status = os.stat(path)
    mask = (0o440 if read_only else 0o660) | 0o110
    return status.st_gid == gid and status.st_mode & mask == mask and bool(status.st_mode & stat.S_ISGID)


def used_bytes(path: str) -> int:
    """The bytes that the tree takes on its disk."""
    total = 0
    seen: set[int] = set()
    for _folder, _folders, files, descriptor in os.fwalk(path, follow_symlinks=False):
        for name in (*files, "."):
            with contextlib.suppress(OSError):
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if status.st_ino not in seen:
                    seen.add(status.st_ino)
                    total += status.st_blocks * 512
    return total
