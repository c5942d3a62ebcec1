"""openat2(2): open a path and let the kernel promise where the walk may go."""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from ecirun.linux.libc import SYS_openat2, os_error, system_call

# include/uapi/linux/openat2.h
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_NO_XDEV = 0x01


_HOW = struct.Struct("3Q")  # struct open_how: flags, mode, resolve
_openat2 = system_call(SYS_openat2, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t)


def openat2(dir_fd: int, path: str | bytes, flags: int, *, resolve: int, mode: int = 0) -> int:
    """A close-on-exec descriptor of `path` below `dir_fd`, walked under the RESOLVE_* rules."""
    name, how = os.fsencode(path), _HOW.pack(flags | os.O_CLOEXEC, mode, resolve)
    while (descriptor := _openat2(dir_fd, name, how, _HOW.size)) < 0:
        # EAGAIN: a rename raced the walk of "..", and the kernel could not promise; the man page says to try again.
        if ctypes.get_errno() != errno.EAGAIN:
            raise os_error(path)
    return descriptor


def open_in_root(root: int, path: str | bytes, flags: int = os.O_PATH) -> int:
    """`path` as a process whose root is `root` would see it, but never through a magic link."""
    return openat2(root, path, flags, resolve=RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)


def open_beneath(directory: int, path: str, flags: int = os.O_PATH) -> int:
    """`path` strictly below `directory`, with no symbolic link and no mount on the way."""
    rules = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV
    return openat2(directory, path, flags, resolve=rules)
