"""Capability sets, ids and no_new_privs of this process.

python-prctl serves the plain prctl calls. Capabilities go by number through ctypes: python-prctl drops only those that its
build headers knew by name, and a newer kernel has more (capabilities(7), /proc/sys/kernel/cap_last_cap).
"""

from __future__ import annotations

import ctypes
import errno
import struct

from ecirun.linux.libc import SYS_capset, libc, os_error, syscall
from ecirun.linux.prctl import prctl

# include/uapi/linux/capability.h
LINUX_CAPABILITY_VERSION_3 = 0x20080522
CAP_NET_ADMIN = 12
CAP_SETPCAP = 8
CAP_SYS_ADMIN = 21
CAP_SYS_PTRACE = 19
ALL = (1 << 64) - 1

# include/uapi/linux/prctl.h
PR_CAPBSET_DROP = 24
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_SET_NO_NEW_PRIVS = 38
PR_SET_PDEATHSIG = 1

libc.prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong]


def capset(mask: int) -> None:
    """Permitted and effective become `mask`; inheritable becomes empty, and with it ambient."""
    low, high = mask & 0xFFFFFFFF, mask >> 32
    # struct __user_cap_header_struct: version, pid; twice struct __user_cap_data_struct: effective, permitted, inheritable
    header, data = struct.pack("Ii", LINUX_CAPABILITY_VERSION_3, 0), struct.pack("6I", low, low, 0, high, high, 0)
    syscall(SYS_capset, header, data, what="capset")


def drop_bounding_set(keep: int, had: int = ALL) -> None:
    """Drop every capability of `had` that this kernel knows and the mask `keep` does not have from the bounding set."""
    drop = had & ~keep
    for number in range(64):
        if not drop >> number & 1:
            continue
        if libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0:
            if ctypes.get_errno() == errno.EINVAL:
                return  # beyond the newest capability of this kernel: /proc/sys/kernel/cap_last_cap, but for one call
            raise os_error(f"capability {number}")


def keep_capabilities_over_setuid(keep: bool) -> None:
    """PR_SET_KEEPCAPS: whether permitted capabilities survive leaving uid 0."""
    prctl(PR_SET_KEEPCAPS, keep)


def set_no_new_privs() -> None:
    """PR_SET_NO_NEW_PRIVS: no set-uid program and no file capability gives privilege from here on."""
    prctl(PR_SET_NO_NEW_PRIVS, True)


def set_parent_death_signal(number: int) -> None:
    """PR_SET_PDEATHSIG; the kernel forgets it whenever credentials change."""
    prctl(PR_SET_PDEATHSIG, number)


def set_dumpable(dumpable: bool) -> None:
    """PR_SET_DUMPABLE: whether others may ptrace this process and read its /proc files."""
    prctl(PR_SET_DUMPABLE, dumpable)
