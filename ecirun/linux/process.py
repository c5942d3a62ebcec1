"""Making processes: namespaces, clone3(2), sessions, signals, descriptors, keyrings."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
from collections.abc import Callable, Iterable
from functools import cache

from ecirun.linux.libc import SYS_clone3, SYS_close_range, SYS_keyctl, SYS_rt_sigaction, libc, os_error, syscall
from ecirun.linux.prctl import prctl

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import NoReturn

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
CLONE_PARENT_SETTID = 0x00100000
CLONE_PIDFD = 0x00001000
CLONE_VFORK = 0x00004000
CLONE_VM = 0x00000100

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
_locked = ctypes.PyDLL(None, use_errno=True)
_clone = _locked.syscall
_clone.restype = ctypes.c_long

_Entry = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
# Where others that share this process's memory have their stacks, in bytes below the first frame of the main thread's: as deep
# as it never gets itself. The keeper needs no more than what is between the two.
_KEEPERS_STACK = 240 * 1024
_CHILDS_STACK = 256 * 1024


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


def clone3(flags: int, group: int = -1) -> tuple[int, int]:
    """(pid, pidfd) in the parent, (0, -1) in the child. Only for a process with one thread: others' locks stay locked.

    With CLONE_PARENT the new process is not a child but a sibling. `group` is a descriptor of a version 2 control group that it
    is born in. Raises OSError.
    """
    pidfd = ctypes.c_int(-1)
    # A sibling ends with the same signal as this process.
    exit_signal = 0 if flags & CLONE_PARENT else signal.SIGCHLD
    arguments = _CloneArgs(flags=flags | CLONE_PIDFD, pidfd=ctypes.addressof(pidfd), exit_signal=exit_signal)
    if group >= 0:
        arguments.flags |= CLONE_INTO_CGROUP
        arguments.cgroup = group
    _before_fork()
    pid: int = _clone(ctypes.c_long(SYS_clone3), ctypes.byref(arguments), ctypes.c_size_t(ctypes.sizeof(arguments)))
    if pid == 0:
        _after_fork_child()
        return 0, -1
    _after_fork_parent()
    if pid < 0:
        raise os_error("clone3")
    return pid, pidfd.value


def leave_memory(child: Callable[[int, int], NoReturn], flags: int = 0) -> NoReturn:
    """Run `child` in a sibling of this process that takes over its memory, and that need not take it down before it executes.

    For an interpreter that takes longer than all the rest of exec. It falls to a second sibling, the keeper, which does nothing
    but wait to be killed, in which it gives way to everybody. `child` is told its own pid and the keeper's as this process sees
    them. This process stands still until it is killed or the child is gone (vfork(2)). Only with one thread. Raises OSError.
    """
    pid, top = ctypes.c_int(0), _addresses()[0]
    keeper = _clone_here(libc.pause, top - _KEEPERS_STACK, CLONE_PARENT)
    _children.append(lambda: child(pid.value, keeper))
    try:
        os.sched_setscheduler(keeper, os.SCHED_IDLE, os.sched_param(0))
        _clone_here(_entry, top - _CHILDS_STACK, flags | CLONE_VFORK | CLONE_PARENT | CLONE_PARENT_SETTID, pid)
    except OSError:
        os.kill(keeper, signal.SIGKILL)
        raise
    os._exit(0)  # what Python knows of itself is what the child left behind: good for no more than this


_children: list[Callable[[], NoReturn]] = []


def _begin(_argument: object) -> int:
    _children.pop()()


_entry = _Entry(_begin)  # made once: that takes a while


def _clone_here(entry: object, stack: int, flags: int, pid: ctypes.c_int | None = None) -> int:
    """clone(2) in the same memory."""
    where = None if pid is None else ctypes.byref(pid)
    how = ctypes.c_int(flags | CLONE_VM | signal.SIGCHLD)
    number: int = _locked.clone(entry, ctypes.c_void_p(stack), how, None, where)
    if number < 0:
        raise os_error("clone")
    return number


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
def _addresses() -> tuple[int, int, int]:
    """Where the main thread's stack begins, and where the arguments begin and end; a fork has them in the same places.

    proc_pid_stat(5): startstack, arg_start and arg_end.
    """
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    return int(fields[25]), int(fields[45]), int(fields[46])


def set_title(title: str) -> None:
    """What ps(1) shows of this process, in place of the arguments it was started with.

    The kernel shows what is between two addresses of this process's memory (proc_pid_stat(5), arg_start and arg_end).
    python-prctl's set_proctitle crashes with Python 3.11.
    """
    _stack, start, end = _addresses()
    text = title.encode()[: end - start - 1]
    ctypes.memmove(start, text + bytes(end - start - len(text)), end - start)
    prctl(PR_SET_NAME, title.rpartition("/")[2][:15])
