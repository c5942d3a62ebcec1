"""What /proc says of this process and this kernel."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Literal

# include/linux/proc_ns.h: PROC_CGROUP_INIT_INO, PROC_PID_INIT_INO and PROC_USER_INIT_INO
FIRST = {"cgroup": 0xEFFFFFFB, "pid": 0xEFFFFFFC, "user": 0xEFFFFFFD}


def status_masks() -> dict[str, int]:
    """The capability masks of this process by their names in /proc/self/status (CapInh, CapPrm, CapEff, CapBnd, CapAmb)."""
    with open("/proc/self/status", "rb") as status:
        lines = status.read().decode("ascii", "replace").splitlines()
    return {line[:6]: int(line[7:], 16) for line in lines if line.startswith("Cap")}


def cap_last_cap() -> int:
    """The number of the newest capability that this kernel knows."""
    with open("/proc/sys/kernel/cap_last_cap", "rb") as file:
        return int(file.read())


def memory_total() -> int:
    """The memory of this machine in bytes."""
    with open("/proc/meminfo", "rb") as file:
        return int(file.readline().split()[1]) * 1024


def in_first_namespace(kind: Literal["cgroup", "pid", "user"]) -> bool:
    """Whether this process's namespace of that kind is the one that the kernel started with."""
    return os.stat(f"/proc/self/ns/{kind}").st_ino == FIRST[kind]


def handles_signal(pid: int, number: int) -> bool:
    """Whether the process has a handler for the signal, or ignores it by its own will; True when it is gone."""
    try:
        with open(f"/proc/{pid}/status", "rb") as status:
            masks = [int(line.split()[1], 16) for line in status if line.startswith((b"SigCgt", b"SigIgn"))]
    except FileNotFoundError:
        return True
    return any(mask >> (number - 1) & 1 for mask in masks)


def name_of(pid: int) -> str:
    """The name of a process (proc_pid_comm(5)), at most 15 characters; empty when there is none."""
    try:
        with open(f"/proc/{pid}/comm", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def own_pid() -> int:
    """The pid of this process as /proc numbers it, which may be that of another PID namespace."""
    return int(os.readlink("/proc/self"))


def pid_of(pidfd: int) -> int:
    """The pid that /proc gives the process of a pidfd (proc_pid_fdinfo(5)); -1 when it is gone."""
    with open(f"/proc/self/fdinfo/{pidfd}") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pid:"))
