"""Capability sets, ids and no_new_privs of this process.

python-prctl serves the plain prctl calls. Capabilities go by number through ctypes: python-prctl drops only those that its
build headers knew by name, and a newer kernel has more (capabilities(7), /proc/sys/kernel/cap_last_cap).
"""

from __future__ import annotations

import ctypes
import errno

from ecirun.linux.libc import SYS_capset, libc, os_error, syscall
from ecirun.linux.prctl import prctl

# include/uapi/linux/capability.h
LINUX_CAPABILITY_VERSION_3 = 0x20080522
CAP_NET_ADMIN = 12
CAP_SETPCAP = 8
CAP_SYS_ADMIN = 21
CAP_SYS_PTRACE = 19

# include/uapi/linux/prctl.h
PR_CAPBSET_DROP = 24
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_SET_NO_NEW_PRIVS = 38
PR_SET_PDEATHSIG = 1

libc.prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong]


class _Header(ctypes.Structure):
    """struct __user_cap_header_struct"""

    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Data(ctypes.Structure):
    """struct __user_cap_data_struct"""

    _fields_ = [
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    ]


def capset(mask: int) -> None:
    """Permitted and effective become `mask`; inheritable becomes empty, and with it ambient."""
    header = _Header(LINUX_CAPABILITY_VERSION_3, 0)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    data = (_Data * 2)(_Data(low, low, 0), _Data(high, high, 0))
    syscall(SYS_capset, ctypes.byref(header), ctypes.byref(data), what="capset")


def drop_bounding_set(keep: int) -> None:
    """Drop every capability that this kernel knows and the mask `keep` does not have from the bounding set."""
    for number in range(64):
        if keep >> number & 1:
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
