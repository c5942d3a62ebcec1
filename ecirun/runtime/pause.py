"""PID 1 of a pod whose containers share a PID namespace (shareProcessNamespace).

It holds the namespace and collects orphans, as Kubernetes' pause container does. It is seen by every container, and one with
SYS_PTRACE can look into it, so before any of them runs it has given up all privilege, every descriptor and the host's tree.
"""

from __future__ import annotations

import gc
import os
import signal
from typing import NamedTuple

from ecirun.linux import credentials, mount, process, sockets
from ecirun.runtime import messages
from ecirun.runtime.private_tree import BENCH

NOBODY = 65535  # the uid of Kubernetes' pause image


class Pause(NamedTuple):
    """The process, as the supervisor holds it, and a procfs of its PID namespace, unattached."""

    pid: int
    pidfd: int
    proc: int


def start() -> Pause:
    """Start it. Raises OSError."""
    ours, theirs = sockets.pair()
    pid, pidfd = process.clone3(process.CLONE_NEWPID | process.CLONE_NEWNS)
    if pid == 0:
        _pause(theirs)
    theirs.close()
    message, descriptors = messages.receive(ours)
    ours.close()
    if message is None or "errno" in message:
        code = message["errno"] if message else 0
        raise OSError(code, os.strerror(code), "pause")
    return Pause(pid, pidfd, descriptors[0])


def _pause(supervisor: sockets.Socket) -> None:
    """Never returns."""
    try:
        gc.disable()
        credentials.set_parent_death_signal(signal.SIGKILL)
        credentials.set_dumpable(False)
        os.setsid()
        process.set_title("/pause")
        process.default_signals()
        # Whoever mounts a procfs sees its own PID namespace in it.
        proc = mount.new_filesystem("proc", {}, mount.SAFE)
        _leave_host()
        messages.send(supervisor, {}, (proc,))
        process.close_range(0, 0xFFFFFFFF)
        process.new_session_keyring()
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        credentials.drop_bounding_set(0)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        credentials.set_no_new_privs()
        credentials.set_dumpable(False)
        credentials.set_parent_death_signal(signal.SIGKILL)
        _collect_orphans()
    finally:
        os._exit(1)


def _leave_host() -> None:
    """An empty, read-only root."""
    place = os.open(f"{BENCH}/stage", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    empty = mount.new_filesystem("tmpfs", {"mode": "0555", "size": "4k"}, mount.SAFE | mount.MOUNT_ATTR_RDONLY)
    mount.move_mount(empty, place, "/")
    os.fchdir(empty)
    mount.pivot_root(".", ".")
    mount.umount2(".", mount.MNT_DETACH)
    os.chdir("/")


def _collect_orphans() -> None:
    """For ever: the end of the pod is the end of this process, by SIGKILL."""
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGCHLD,))
    while True:
        signal.sigwait((signal.SIGCHLD,))
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
