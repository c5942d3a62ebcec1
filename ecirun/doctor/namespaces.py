"""Each kind of namespace, made."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from ecirun.doctor.finding import SECCOMP, SYS_ADMIN, Finding, in_docker
from ecirun.doctor.trial import attempt
from ecirun.linux import process

# Kind, as /proc/PID/ns has it: flag, what people call it, what a pod has it for.
KINDS = {
    "mnt": (process.CLONE_NEWNS, "a mount namespace", "a file system of the pod's own"),
    "pid": (process.CLONE_NEWPID, "a PID namespace", "processes of the container's own"),
    "net": (process.CLONE_NEWNET, "a network namespace", "a network of the pod's own, and its sysctls"),
    "ipc": (process.CLONE_NEWIPC, "an IPC namespace", "shared memory and message queues of the pod's own, and their sysctls"),
    "uts": (process.CLONE_NEWUTS, "a UTS namespace", "a host name of the pod's own"),
    "cgroup": (process.CLONE_NEWCGROUP, "a cgroup namespace", "hides whose control groups the container's are in"),
}


def findings() -> Iterator[Finding]:
    """One for each kind, and user namespaces, which ecirun can do without."""
    for kind, (flag, title, means) in KINDS.items():
        yield _made(kind, flag, title, means)
    made = _made("user", process.CLONE_NEWUSER, "a user namespace", "not used by pods; tools that work without root need them")
    yield made._replace(needed=False)


def _made(kind: str, flag: int, title: str, means: str) -> Finding:
    finding = Finding(f"namespace-{kind}", means)
    trial = attempt(lambda: os.readlink(f"/proc/self/ns/{kind}"), namespaces=flag)
    if trial.worked:
        return finding._replace(found=trial.found)
    says = f"Can't create {title}: {trial.reason}"
    if trial.errno == errno.ENOSPC:
        return finding._replace(says=says, fix=f"sudo sysctl user.max_{kind}_namespaces=10000")
    if trial.errno == errno.EINVAL:
        return finding._replace(says=says, fix=f"use a kernel that has {kind} namespaces")
    return finding._replace(says=says, fix=in_docker(SYS_ADMIN, SECCOMP))
