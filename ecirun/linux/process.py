"""Making processes: namespaces, clone3(2), sessions, signals, descriptors, keyrings."""

from __future__ import annotations

import ctypes
import errno
import signal
from collections.abc import Iterable
from functools import cache

from ecirun.linux.libc import SYS_clone3, SYS_close_range, SYS_keyctl, SYS_rt_sigaction, libc, os_error, syscall
from ecirun.linux.prctl import prctl

# include/uapi/linux/sched.h
CLONE_CLEAR_SIGHAND = 0x100000000
CLONE_INTO_CGROUP = 0x200000000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWNET = 0x40000000
CLONE_NEWNS = 0x00020000
CLONE_NEWPID = 0x20000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWUTS = 0x04000000
CLONE_PARENT = 0x00008000
CLONE_PIDFD = 0x00001000

# include/uapi/linux/close_range.h
CLOSE_RANGE_CLOEXEC = 4

# include/uapi/linux/prctl.h
PR_SET_NAME = 15

# include/uapi/linux/keyctl.h
KEYCTL_JOIN_SESSION_KEYRING = 1

libc.unshare.argtypes = [ctypes.c_int]
libc.setns.argtypes = [ctypes.c_int, ctypes.c_int]
libc.sethostname.argtypes = [ctypes.c_char_p, ctypes.c_size_t]

_before_fork = ctypes.pythonapi.PyOS_BeforeFork
_after_fork_parent = ctypes.pythonapi.PyOS_AfterFork_Parent
_after_fork_child = ctypes.pythonapi.PyOS_AfterFork_Child
# PyDLL keeps the interpreter lock during the call: the child of a raw clone must not have to take it anew.
_clone = ctypes.PyDLL(None, use_errno=True).syscall
_clone.restype = ctypes.c_long


class _CloneArgs(ctypes.Structure):
    """struct clone_args"""

    _fields_ = [
        (name, ctypes.c_uint64)
        for name in (
            "flags",
            "pidfd",
            "child_tid",
            "parent_tid",
            "exit_signal",
            "stack",
            "stack_size",
            "tls",
            "set_tid",
            "set_tid_size",
            "cgroup",
        )
    ]


def clone3(flags: int) -> tuple[int, int]:
    """(pid, pidfd) in the parent, (0, -1) in the child. Only for a process with one thread: others' locks stay locked.

    With CLONE_PARENT the new process is not a child but a sibling. Raises OSError.
    """
    pidfd = ctypes.c_int(-1)
    # A sibling ends with the same signal as this process.
    exit_signal = 0 if flags & CLONE_PARENT else signal.SIGCHLD
    arguments = _CloneArgs(flags=flags | CLONE_PIDFD, pidfd=ctypes.addressof(pidfd), exit_signal=exit_signal)
    _before_fork()
    pid: int = _clone(ctypes.c_long(SYS_clone3), ctypes.byref(arguments), ctypes.c_size_t(ctypes.sizeof(arguments)))
    if pid == 0:
        _after_fork_child()
        return 0, -1
    _after_fork_parent()
    if pid < 0:
        raise os_error("clone3")
    return pid, pidfd.value


def unshare(flags: int) -> None:
    """Move this process into new namespaces (for CLONE_NEWPID: its children)."""
    if libc.unshare(flags) < 0:
        raise os_error("unshare")


def setns(fd: int, flags: int) -> None:
    """Join the namespaces that `fd` (a namespace file or a pidfd) refers to."""
    if libc.setns(fd, flags) < 0:
        raise os_error("setns")


def sethostname(name: str) -> None:
    """Set the host name of this UTS namespace."""
    encoded = name.encode()
    if libc.sethostname(encoded, len(encoded)) < 0:
        raise os_error(name)


def close_on_exec_from(first: int) -> None:
    """Mark every descriptor from `first` on close-on-exec."""
    syscall(SYS_close_range, first, 0xFFFFFFFF, CLOSE_RANGE_CLOEXEC, what=f"descriptors from {first} on")


def close_range(first: int, last: int) -> None:
    """Close every descriptor from `first` to `last`."""
    if first <= last:
        syscall(SYS_close_range, first, last, 0, what=f"descriptors {first} to {last}")


def close_all_but(descriptors: Iterable[int]) -> None:
    """Close every descriptor that is not among these."""
    first = 0
    for descriptor in sorted(descriptors):
        close_range(first, descriptor - 1)
        first = descriptor + 1
    close_range(first, 0xFFFFFFFF)


def new_session_keyring() -> None:
    """Leave the caller's session keyring for a new, empty one; a kernel without keyrings has none to leave."""
    try:
        syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, None, what="session keyring")
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise


def default_signals() -> None:
    """Every signal as a fresh program expects it: Python ignores SIGPIPE and SIGXFSZ, a parent may have ignored others."""
    for number in range(1, signal.NSIG):
        if number not in (signal.SIGKILL, signal.SIGSTOP) and number not in range(32, signal.SIGRTMIN):
            signal.signal(number, signal.SIG_DFL)
    for number in range(32, signal.SIGRTMIN):
        # Those of glibc's own, which its posix_spawn leaves ignored. It lets nobody name them: struct sigaction, all zero.
        syscall(SYS_rt_sigaction, number, bytes(32), None, 8, what=f"signal {number}")
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


@cache
def _arguments() -> tuple[int, int]:
    """Where the arguments are; a fork has them in the same place."""
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    return int(fields[45]), int(fields[46])


def set_title(title: str) -> None:
    """What ps(1) shows of this process, in place of the arguments it was started with.

    The kernel shows what is between two addresses of this process's memory (proc_pid_stat(5), arg_start and arg_end).
    python-prctl's set_proctitle crashes with Python 3.11.
    """
    start, end = _arguments()
    text = title.encode()[: end - start - 1]
    ctypes.memmove(start, text + bytes(end - start - len(text)), end - start)
    prctl(PR_SET_NAME, title.rpartition("/")[2][:15])
