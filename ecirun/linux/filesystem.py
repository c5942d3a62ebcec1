"""What kind of file system a descriptor lies on: fstatfs(2)."""

from __future__ import annotations

import ctypes

from ecirun.linux.libc import libc, os_error

# include/uapi/linux/magic.h
PIPEFS_MAGIC = 0x50495045
PROC_SUPER_MAGIC = 0x9FA0

libc.fstatfs.argtypes = [ctypes.c_int, ctypes.c_void_p]

# struct statfs begins with f_type, a long, and is 120 bytes at most. A type that nobody holds is made anew each time.
_Statfs = ctypes.c_long * 32


def filesystem_type(descriptor: int) -> int:
    """The magic number (f_type) of the file system."""
    buffer = _Statfs()
    if libc.fstatfs(descriptor, ctypes.byref(buffer)) < 0:
        raise os_error()
    return int(buffer[0])
