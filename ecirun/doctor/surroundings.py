"""What the container or service that ecirun may run in forbids: its seccomp filter, and the profile of a security module."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator

from ecirun.doctor.finding import APPARMOR, SECCOMP, SELINUX, Finding, in_docker
from ecirun.doctor.trial import attempt
from ecirun.linux import libc, mount, proc, process
from ecirun.linux.credentials import CAP_SYS_ADMIN

BAD = -1

# Calls of a launch that filters are known to refuse. Here the kernel refuses them for their arguments, so that whoever
# answers EPERM (to a process with CAP_SYS_ADMIN) or ENOSYS all the same is a filter.
CALLS: dict[str, Callable[[], object]] = {
    "clone3": lambda: libc.syscall(libc.SYS_clone3, None, 0),
    "fsmount": lambda: libc.syscall(libc.SYS_fsmount, BAD, 0, 0),
    "fsopen": lambda: libc.syscall(libc.SYS_fsopen, None, 0),
    "keyctl": lambda: libc.syscall(libc.SYS_keyctl, BAD),
    "mount": lambda: mount.mount("", "", 0),
    "mount_setattr": lambda: libc.syscall(libc.SYS_mount_setattr, BAD, b"", 0, None, 0),
    "move_mount": lambda: libc.syscall(libc.SYS_move_mount, BAD, b"", BAD, b"", 0),
    "open_tree": lambda: libc.syscall(libc.SYS_open_tree, BAD, b"", BAD),
    "openat2": lambda: libc.syscall(libc.SYS_openat2, BAD, None, None, 0),
    "pivot_root": lambda: mount.pivot_root("", ""),
    "setns": lambda: process.setns(BAD, 0),
    "unshare": lambda: process.unshare(0),
}


def findings() -> Iterator[Finding]:
    """The filter and the profile."""
    yield _seccomp()
    yield _security_module()


def _seccomp() -> Finding:
    finding = Finding("seccomp", "a filter must let a launch's system calls pass", found="no filter")
    if _status("Seccomp") != "2":
        return finding
    refusals = (errno.EPERM, errno.ENOSYS) if _has_sys_admin() else (errno.ENOSYS,)
    refused = attempt(lambda: ", ".join(name for name, call in CALLS.items() if _errno(call) in refusals)).found
    if not refused:
        return finding._replace(found="a filter that lets them pass")
    return finding._replace(
        found="",
        says=f"Can't use {refused}: the seccomp filter of the surrounding container refuses it",
        fix=in_docker(SECCOMP),
    )


def _errno(call: Callable[[], object]) -> int:
    try:
        call()
    except OSError as error:
        return error.errno or 0
    return 0


def _has_sys_admin() -> bool:
    return bool(proc.status_masks()["CapEff"] >> CAP_SYS_ADMIN & 1)


def _security_module() -> Finding:
    profile = _profile()
    finding = Finding("lsm", "a security module must let a launch mount", found=profile or "no profile")
    trial = attempt(lambda: mount.mount("tmpfs", "/", 0), namespaces=process.CLONE_NEWNS)
    if trial.errno != errno.EACCES:
        return finding
    flag = SELINUX if ":" in profile else APPARMOR
    return finding._replace(
        found="",
        says=f"Can't mount: the security profile {profile} of the surrounding container forbids it",
        fix=in_docker(flag),
    )


def _profile() -> str:
    """The AppArmor profile or the SELinux context of this process; empty without one."""
    for path in ("/proc/self/attr/apparmor/current", "/proc/self/attr/current"):
        try:
            with open(path) as file:
                profile = file.read().strip("\0\n")
        except OSError:
            continue
        return "" if profile.startswith("unconfined") else profile
    return ""


def _status(key: str) -> str:
    with open("/proc/self/status") as file:
        return next((line.split()[1] for line in file if line.startswith(f"{key}:")), "")
