"""The C library and raw system calls: argument types set once, one check of errno.

Functions that glibc 2.36 lacks go through syscall(2). The numbers of calls newer than Linux 5.1 are the same on every
architecture; the older ones are listed per machine.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import partial

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Any

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

# include/uapi/asm-generic/unistd.h: the same everywhere from 424 on
SYS_open_tree = 428
SYS_move_mount = 429
SYS_fsopen = 430
SYS_fsconfig = 431
SYS_fsmount = 432
SYS_clone3 = 435
SYS_close_range = 436
SYS_openat2 = 437
SYS_mount_setattr = 442

# arch/x86/entry/syscalls/syscall_64.tbl and asm-generic (arm64, riscv64)
_X86_64 = os.uname().machine == "x86_64"
SYS_pivot_root = 155 if _X86_64 else 41
SYS_capset = 126 if _X86_64 else 91
SYS_keyctl = 250 if _X86_64 else 219
SYS_rt_sigaction = 13 if _X86_64 else 134
SYS_seccomp = 317 if _X86_64 else 277


def syscall(number: int, *arguments: Any, what: object = None) -> int:
    """The result of system call `number`; raises OSError with `what` (a path, a name) as its filename."""
    result: int = libc.syscall(ctypes.c_long(number), *[_argument(value) for value in arguments])
    if result < 0:
        raise os_error(what)
    return result


def system_call(number: int, *types: Any) -> Callable[..., int]:
    """System call `number` as a function of arguments of these ctypes types. It returns what is negative when it fails.

    For what every launch does often: `syscall` takes longer to find out how to pass each argument than such a call takes.
    """
    function = libc["syscall"]  # a new object each time
    function.restype = ctypes.c_long
    function.argtypes = (ctypes.c_long, *types)
    return partial(function, number)


def os_error(what: object = None) -> OSError:
    """The OSError of the errno that the last call left behind."""
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code), what)


def _argument(value: Any) -> Any:
    # A bare Python int would be passed as a C int and cut 64-bit flags short.
    return ctypes.c_long(value) if isinstance(value, int) else value
