"""A seccomp filter like that of container runtimes, RuntimeDefault, as a classic BPF program (seccomp(2)).

It refuses what containerd's refuses (contrib/seccomp/seccomp_default.go) to a container without SYS_ADMIN and the other
capabilities that ECI grants nobody: namespaces, mounts, keyrings, which are those of the user id on the whole host, and what
reaches deep into the kernel. What came into Linux later than this list is allowed. Programs for another architecture than this
machine's own, such as 32-bit ones, are refused every call.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import struct

from ecirun.linux.libc import SYS_clone3, SYS_seccomp, syscall

# include/uapi/linux/bpf_common.h and filter.h
BPF_JEQ = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
BPF_JGE = 0x35  # BPF_JMP | BPF_JGE | BPF_K
BPF_JSET = 0x45  # BPF_JMP | BPF_JSET | BPF_K
BPF_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
BPF_RETURN = 0x06  # BPF_RET | BPF_K

# include/uapi/linux/seccomp.h
SECCOMP_RET_ALLOW = 0x7FFF0000
SECCOMP_RET_ERRNO = 0x00050000
SECCOMP_SET_MODE_FILTER = 1
# struct seccomp_data
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16

# include/uapi/linux/sched.h: every CLONE_NEW… but CLONE_NEWTIME, which clone(2) does not know
NEW_NAMESPACES = 0x7E020000
X32 = 0x40000000

# include/uapi/linux/audit.h
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# arch/x86/entry/syscalls/syscall_64.tbl
_X86_64 = {
    **{"acct": 163, "add_key": 248, "bpf": 321, "clock_adjtime": 305, "clock_settime": 227, "clone": 56, "delete_module": 176},
    **{"fanotify_init": 300, "finit_module": 313, "get_mempolicy": 239, "init_module": 175, "ioperm": 173, "iopl": 172},
    **{
        "kcmp": 312,
        "kexec_file_load": 320,
        "kexec_load": 246,
        "keyctl": 250,
        "lookup_dcookie": 212,
        "mbind": 237,
        "mount": 165,
    },
    **{"move_pages": 279, "open_by_handle_at": 304, "perf_event_open": 298, "pivot_root": 155, "quotactl": 179, "reboot": 169},
    **{"request_key": 249, "set_mempolicy": 238, "setdomainname": 171, "sethostname": 170, "setns": 308, "settimeofday": 164},
    **{"swapoff": 168, "swapon": 167, "sysfs": 139, "syslog": 103, "umount2": 166, "unshare": 272, "uselib": 134},
    **{"userfaultfd": 323, "ustat": 136, "vhangup": 153},
}
# include/uapi/asm-generic/unistd.h
_GENERIC = {
    **{"acct": 89, "add_key": 217, "bpf": 280, "clock_adjtime": 266, "clock_settime": 112, "clone": 220, "delete_module": 106},
    **{
        "fanotify_init": 262,
        "finit_module": 273,
        "get_mempolicy": 236,
        "init_module": 105,
        "kcmp": 272,
        "kexec_file_load": 294,
    },
    **{"kexec_load": 104, "keyctl": 219, "lookup_dcookie": 18, "mbind": 235, "mount": 40, "move_pages": 239},
    **{"open_by_handle_at": 265, "perf_event_open": 241, "pivot_root": 41, "quotactl": 60, "reboot": 142, "request_key": 218},
    **{"set_mempolicy": 237, "setdomainname": 162, "sethostname": 161, "setns": 268, "settimeofday": 170, "swapoff": 225},
    **{"swapon": 224, "syslog": 116, "umount2": 39, "unshare": 97, "userfaultfd": 282, "vhangup": 58},
}
_NEWER = {
    **{"fsconfig": 431, "fsmount": 432, "fsopen": 430, "fspick": 433, "io_uring_enter": 426, "io_uring_register": 427},
    **{"io_uring_setup": 425, "mount_setattr": 442, "move_mount": 429, "open_tree": 428, "pidfd_getfd": 438},
    **{"process_madvise": 440, "quotactl_fd": 443, "set_mempolicy_home_node": 450},
}
WITH_SYS_PTRACE = ("kcmp", "pidfd_getfd", "process_madvise")


class _Program(ctypes.Structure):
    """struct sock_fprog"""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


@functools.cache
def runtime_default(machine: str, *, may_trace: bool) -> bytes:
    """The filter's instructions for a machine of that name; `may_trace`: the container has SYS_PTRACE. Raises OSError."""
    if machine not in ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"there is no seccomp filter for {machine}")
    numbers = {**(_X86_64 if machine == "x86_64" else _GENERIC), **_NEWER}
    clone = numbers.pop("clone")
    refused = sorted(number for name, number in numbers.items() if not (may_trace and name in WITH_SYS_PTRACE))
    refuse, unknown = SECCOMP_RET_ERRNO | errno.EPERM, SECCOMP_RET_ERRNO | errno.ENOSYS
    code = [
        _jump(BPF_LOAD, ARCHITECTURE),
        _jump(BPF_JEQ, ARCHITECTURES[machine], 1, 0),
        _jump(BPF_RETURN, refuse),
        _jump(BPF_LOAD, NUMBER),
        _jump(BPF_JGE, X32, 0, 1),
        _jump(BPF_RETURN, unknown),
        # What clone3 is asked for lies in memory, where no filter can look: as if it were not there, programs take clone.
        _jump(BPF_JEQ, SYS_clone3, 0, 1),
        _jump(BPF_RETURN, unknown),
    ]
    for number in refused:
        code += [_jump(BPF_JEQ, number, 0, 1), _jump(BPF_RETURN, refuse)]
    return b"".join(
        [
            *code,
            _jump(BPF_JEQ, clone, 0, 3),
            _jump(BPF_LOAD, FIRST_ARGUMENT),
            _jump(BPF_JSET, NEW_NAMESPACES, 0, 1),
            _jump(BPF_RETURN, refuse),
            _jump(BPF_RETURN, SECCOMP_RET_ALLOW),
        ]
    )


def _jump(code: int, value: int, if_so: int = 0, if_not: int = 0) -> bytes:
    """One instruction (struct sock_filter); a jump says how many to skip."""
    return struct.pack("HBBI", code, if_so, if_not, value)


def filter_calls(program: bytes) -> None:
    """Put this process, and all that come of it, behind the filter. Needs CAP_SYS_ADMIN or no_new_privs. Raises OSError."""
    filled = _Program(len(program) // 8, program)
    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, ctypes.byref(filled), what="seccomp filter")


def apply_runtime_default(*, may_trace: bool) -> None:
    """The filter of this machine for this process. Raises OSError."""
    filter_calls(runtime_default(os.uname().machine, may_trace=may_trace))
