"""openat2(2): open a path and let the kernel promise where the walk may go."""

from __future__ import annotations

import ctypes
import errno
import os

from ecirun.linux.libc import SYS_openat2, syscall

# include/uapi/linux/openat2.h
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_NO_XDEV = 0x01


class _OpenHow(ctypes.Structure):
    """struct open_how"""

    _fields_ = [
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    ]


def openat2(dir_fd: int, path: str | bytes, flags: int, *, resolve: int, mode: int = 0) -> int:
    """A close-on-exec descriptor of `path` below `dir_fd`, walked under the RESOLVE_* rules."""
    how = _OpenHow(flags=flags | os.O_CLOEXEC, mode=mode, resolve=resolve)
    while True:
        try:
            return syscall(SYS_openat2, dir_fd, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how), what=path)
        except OSError as error:
            # EAGAIN: a rename raced the walk of "..", and the kernel could not promise; the man page says to try again.
            if error.errno != errno.EAGAIN:
                raise


def open_in_root(root: int, path: str | bytes, flags: int = os.O_PATH) -> int:
    """`path` as a process whose root is `root` would see it, but never through a magic link."""
    return openat2(root, path, flags, resolve=RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)


def open_beneath(directory: int, path: str, flags: int = os.O_PATH) -> int:
    """`path` strictly below `directory`, with no symbolic link and no mount on the way."""
    rules = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV
    return openat2(directory, path, flags, resolve=rules)
