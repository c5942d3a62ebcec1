"""Mounts by file descriptor: fsopen(2), fsmount(2), open_tree(2), move_mount(2), mount_setattr(2), and pivot_root(2).

A mount that exists only as a descriptor cannot be raced through a path, and vanishes with the descriptor.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Mapping

from ecirun.linux.libc import (
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fsopen,
    SYS_mount_setattr,
    SYS_move_mount,
    SYS_open_tree,
    SYS_pivot_root,
    libc,
    os_error,
    syscall,
    system_call,
)

# include/uapi/linux/fcntl.h
AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000
AT_SYMLINK_NOFOLLOW = 0x100

# include/uapi/linux/mount.h
FSCONFIG_CMD_CREATE = 6
FSCONFIG_SET_FLAG = 0
FSCONFIG_SET_STRING = 1
FSMOUNT_CLOEXEC = 1
FSOPEN_CLOEXEC = 1
MNT_DETACH = 2
MOUNT_ATTR_NOATIME = 0x10
MOUNT_ATTR_NODEV = 0x4
MOUNT_ATTR_NOEXEC = 0x8
MOUNT_ATTR_NOSUID = 0x2
MOUNT_ATTR_RDONLY = 0x1
MOVE_MOUNT_F_EMPTY_PATH = 0x4
MOVE_MOUNT_T_EMPTY_PATH = 0x40
MS_BIND = 0x1000
MS_NODEV = 4
MS_NOEXEC = 8
MS_NOSUID = 2
MS_PRIVATE = 1 << 18
MS_RDONLY = 1
MS_REC = 0x4000
MS_REMOUNT = 0x20
MS_SLAVE = 1 << 19
OPEN_TREE_CLOEXEC = os.O_CLOEXEC
OPEN_TREE_CLONE = 1

ATTRIBUTES = {
    "ro": MOUNT_ATTR_RDONLY,
    "nosuid": MOUNT_ATTR_NOSUID,
    "nodev": MOUNT_ATTR_NODEV,
    "noexec": MOUNT_ATTR_NOEXEC,
}

FLAGS = {"ro": MS_RDONLY, "nosuid": MS_NOSUID, "nodev": MS_NODEV, "noexec": MS_NOEXEC}

libc.mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]
libc.umount2.argtypes = [ctypes.c_char_p, ctypes.c_int]


_ATTR = struct.Struct("4Q")  # struct mount_attr: attr_set, attr_clr, propagation, userns_fd

_open_tree = system_call(SYS_open_tree, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
_move_mount = system_call(SYS_move_mount, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
_mount_setattr = system_call(SYS_mount_setattr, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint, ctypes.c_char_p, ctypes.c_size_t)


def attributes(names: tuple[str, ...]) -> int:
    """The MOUNT_ATTR_* bits of mount option names ("ro", "nosuid", "nodev", "noexec")."""
    return sum(ATTRIBUTES[name] for name in names)


def flags(names: tuple[str, ...]) -> int:
    """The MS_* bits of the same names, for mount(2)."""
    return sum(FLAGS[name] for name in names)


def mount(kind: str, target: str, flags: int, data: str = "", *, source: str = "") -> None:
    """Mount a new file system at a path (mount(2)): one system call, for places that nobody else can change."""
    if libc.mount((source or kind).encode(), os.fsencode(target), kind.encode(), flags, data.encode()) < 0:
        raise os_error(target)


def bind(source: str, target: str, *, recursive: bool = False) -> None:
    """Mount what is at `source` (and, if recursive, mounted below it) at `target` too, with the flags that it has there."""
    flags = MS_BIND | (MS_REC if recursive else 0)
    if libc.mount(os.fsencode(source), os.fsencode(target), None, flags, None) < 0:
        raise os_error(target)


def remount_bind(target: str, flags: int) -> None:
    """Change the flags of one mount."""
    if libc.mount(None, os.fsencode(target), None, MS_BIND | MS_REMOUNT | flags, None) < 0:
        raise os_error(target)


SAFE = attributes(("nosuid", "nodev", "noexec"))


def new_filesystem(kind: str, options: Mapping[str, str], attrs: int = 0, *, source: str = "") -> int:
    """A descriptor of a new, unattached mount of file system type `kind`; `source` is what /proc/mounts shows for it."""
    context = syscall(SYS_fsopen, kind.encode(), FSOPEN_CLOEXEC, what=kind)
    try:
        for key, value in {"source": source or kind, **options}.items():
            if value:
                name, text = key.encode(), value.encode()
                syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, name, text, 0, what=f"{kind} {key}={value}")
            else:
                syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, key.encode(), None, 0, what=f"{kind} {key}")
        syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, None, None, 0, what=kind)
        return syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attrs, what=kind)
    finally:
        os.close(context)


def open_tree(path: str, *, dir_fd: int = AT_FDCWD, recursive: bool = False, add: int = 0) -> int:
    """A descriptor of an unattached copy (a bind mount) of what is mounted at `path`, with the attributes `add`.

    Mounts made there later do not follow.
    """
    flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW
    flags |= AT_RECURSIVE if recursive else 0
    flags |= 0 if path else AT_EMPTY_PATH
    tree = _open_tree(dir_fd, os.fsencode(path), flags)
    if tree < 0:
        raise os_error(path)
    try:
        # The copy of a shared mount is shared, that of a slave a slave.
        mount_setattr(tree, add=add, propagation=MS_PRIVATE, recursive=recursive, what=path)
    except BaseException:
        os.close(tree)
        raise
    return tree


def move_mount(mount: int, target: int, what: str = "") -> None:
    """Attach the unattached mount to what the descriptor `target` refers to."""
    flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH
    if _move_mount(mount, b"", target, b"", flags) < 0:
        raise os_error(what)


def mount_setattr(
    mount: int, *, add: int = 0, remove: int = 0, propagation: int = 0, recursive: bool = False, what: str = ""
) -> None:
    """Add and remove attributes of, or set the propagation of, the mount that the descriptor refers to."""
    flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
    if _mount_setattr(mount, b"", flags, _ATTR.pack(add, remove, propagation, 0), _ATTR.size) < 0:
        raise os_error(what)


def pivot_root(new_root: str, put_old: str) -> None:
    """Make `new_root` the root of this mount namespace."""
    syscall(SYS_pivot_root, os.fsencode(new_root), os.fsencode(put_old), what=new_root)


def umount2(target: str, flags: int) -> None:
    """Detach the mount at `target`."""
    if libc.umount2(os.fsencode(target), flags) < 0:
        raise os_error(target)
