"""What becomes of each sysctl on this host.

ECI gives every pod a kernel of its own, so all that it allows is real there. Here a key is `pod` when the pod's fresh
namespaces hold it (Kubernetes component-helpers/node/util/sysctl/namespace.go tells which kind of namespace could, a probe
of this kernel tells whether it does), else it can only be shown (`shadow`), refused, or written to the host.
"""

from __future__ import annotations

from typing import Literal

from ecirun.errors import LaunchFailed
from ecirun.plan.facts import SysctlFact, SysctlFacts
from ecirun.plan.model import NetworkMode, Scope, Sysctl
from ecirun.spec.pod import Pod
from ecirun.spec.sysctl_name import canonical, proc_path

SysctlMode = Literal["shadow", "strict", "host"]

IPC_PREFIXES = ("kernel/shm", "kernel/msg", "fs/mqueue/")


def namespaced(path: str) -> bool:
    """Whether a network or IPC namespace could hold the key at `path` below /proc/sys."""
    return path.startswith(("net/", *IPC_PREFIXES)) or path == "kernel/sem"


def plan_sysctls(
    pod: Pod, facts: SysctlFacts | None, *, mode: SysctlMode, network: NetworkMode
) -> tuple[tuple[Sysctl, ...], list[str]]:
    """The pod's sysctls in file order, and warnings. `facts` is None when this kernel could not be probed.

    Raises LaunchFailed for a key that this kernel does not have, and for a shadowed value that it would not take.
    """
    planned, warnings = [], []
    for entry in pod.security_context.sysctls:
        name = canonical(entry.name)
        path = proc_path(name)
        scope, reason = _scope(name, path, facts, mode, network)
        if scope in ("shadow", "host", "refused") and facts is not None:
            _check_like_the_kernel(name, entry.value, facts[path])
        planned.append(Sysctl(name, entry.value, path, scope, reason))
        if scope == "shadow":
            warnings.append(f"sysctl {name} is only shown to the workload: {reason}")
        elif scope == "host":
            warnings.append(f"sysctl {name} is written to the host while the pod runs: {reason}")
    return tuple(planned), warnings


def _scope(name: str, path: str, facts: SysctlFacts | None, mode: SysctlMode, network: NetworkMode) -> tuple[Scope, str]:
    if facts is None or path not in facts:
        return "unknown", "this kernel was not probed"
    fact = facts[path]
    if "/eth0/" in path and network != "bridge":
        # Every ECI pod has an eth0; whether this host has one too is of no interest.
        return _without_a_key_of_its_own(f"there is no eth0 with --network {network}", mode)
    if fact.fresh == "writable" and namespaced(path):
        return "pod", "held by the pod's own namespaces"
    if fact.fresh == "absent" and fact.host_value is None:
        raise _no_such_key(name, path)
    if not namespaced(path):
        reason = "this kernel has one value for the whole host"
    elif fact.fresh == "read-only":
        reason = "a network namespace of this kernel can only read it"
    else:
        reason = "this kernel keeps it in its first network namespace only"
    if mode == "host":
        return "host", reason
    return _without_a_key_of_its_own(reason, mode)


def _without_a_key_of_its_own(reason: str, mode: SysctlMode) -> tuple[Scope, str]:
    return ("refused" if mode == "strict" else "shadow"), reason


def _no_such_key(name: str, path: str) -> LaunchFailed:
    return LaunchFailed(
        f"Can't set sysctl {name}: this kernel has no /proc/sys/{path}",
        step="sysctls",
        hint="check the spelling, or load the kernel module that brings the key",
    )


def _check_like_the_kernel(name: str, value: str, fact: SysctlFact) -> None:
    """Nobody writes a shadowed value, so nobody else would notice that the kernel's integer parser refuses it."""
    current = (fact.host_value or "").split()
    if not current or not all(_is_integer(word) for word in current):
        return
    if not all(_is_integer(word) for word in value.split()):
        raise LaunchFailed(
            f'Can\'t set sysctl {name} to "{value}": Invalid argument',
            step="sysctls",
            hint="give a value that the kernel takes; now it is " + " ".join(current),
        )


def _is_integer(word: str) -> bool:
    try:
        int(word, 0)
    except ValueError:
        return word.isdecimal()
    return True
