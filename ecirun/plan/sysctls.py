"""What becomes of each sysctl on this host.

ECI gives every pod a kernel of its own, so all that it allows is real there. Here a key is `pod` when the pod's fresh
namespaces hold it (Kubernetes component-helpers/node/util/sysctl/namespace.go tells which kind of namespace could, a probe
of this kernel tells whether it does), else it can only be shown (`shadow`), refused, or written to the host.
"""

from __future__ import annotations

import os
import re
from typing import Literal

from ecirun.errors import LaunchFailed
from ecirun.plan.facts import SysctlFact, SysctlFacts
from ecirun.plan.model import NetworkMode, Scope, Sysctl
from ecirun.spec.pod import Pod
from ecirun.spec.sysctl_name import canonical, proc_path

SysctlMode = Literal["shadow", "strict", "host"]

IPC_PREFIXES = ("kernel/shm", "kernel/msg", "fs/mqueue/")

# Keys of the whole host that are no C int, or have a lower bound of 0 (net/ipv4/sysctl_net_ipv4.c, mm/page_alloc.c).
LONGS = ("net/ipv4/tcp_mem", "net/ipv4/udp_mem")
NEVER_NEGATIVE = (*LONGS, "vm/min_free_kbytes")


def namespaced(path: str) -> bool:
    """Whether a network or IPC namespace could hold the key at `path` below /proc/sys."""
    return path.startswith(("net/", *IPC_PREFIXES)) or path == "kernel/sem"


def is_pods_own(path: str, fresh: str) -> bool:
    """Whether the key is the pod's own, given what fresh namespaces make of it: the host's value is of no interest then."""
    return fresh == "writable" and namespaced(path)


def plan_sysctls(
    pod: Pod, facts: SysctlFacts | None, *, mode: SysctlMode, network: NetworkMode
) -> tuple[tuple[Sysctl, ...], list[str]]:
    """The pod's sysctls in file order, and warnings. `facts` is None when this kernel could not be probed.

    Raises LaunchFailed for a key that neither this kernel nor ECI has, and for a shadowed value that the kernel would not take.
    """
    planned, warnings = [], []
    for entry in pod.security_context.sysctls:
        name = canonical(entry.name)
        path = proc_path(name)
        scope, reason = _scope(name, path, facts, mode, network)
        value = entry.value
        if scope in ("shadow", "host", "refused") and facts is not None:
            shown = as_the_kernel_shows(name, path, value, facts[path])
            value = shown if scope == "shadow" else value
        planned.append(Sysctl(name, value, path, scope, reason))
        if scope == "shadow":
            warnings.append(f"sysctl {name} is only shown to the workload: {reason}")
        elif scope == "host":
            warnings.append(f"sysctl {name} is written to the host while the pod runs: {reason}")
    return tuple(planned), warnings


def _scope(name: str, path: str, facts: SysctlFacts | None, mode: SysctlMode, network: NetworkMode) -> tuple[Scope, str]:
    if facts is None or path not in facts:
        return "unknown", "this kernel was not probed"
    fact = facts[path]
    if fact.fresh == "absent" and fact.host_value is None:
        if eci_value(name) is None:
            raise _no_such_key(name, path)
        return _without_a_key_of_its_own("ECI's kernel has it, and this network namespace of the host does not", mode)
    if "/eth0/" in path and network != "bridge":
        # Every ECI pod has an eth0; whether this host has one too is of no interest.
        return _without_a_key_of_its_own(f"there is no eth0 with --network {network}", mode)
    if is_pods_own(path, fact.fresh):
        return "pod", "held by the pod's own namespaces"
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


def eci_value(name: str) -> str | None:
    """What a real ECI container showed for a key, or None where it had none."""
    start = f"{name}\t"
    with open(os.path.join(os.path.dirname(__file__), "eci-sysctls.tsv"), encoding="utf-8") as table:
        return next((line.removeprefix(start).strip() for line in table if line.startswith(start)), None)


def _no_such_key(name: str, path: str) -> LaunchFailed:
    return LaunchFailed(
        f"Can't set sysctl {name}: this kernel has no /proc/sys/{path}",
        step="sysctls",
        hint="check the spelling, or load the kernel module that brings the key",
    )


def as_the_kernel_shows(name: str, path: str, value: str, fact: SysctlFact) -> str:
    """What the kernel would show after a write of `value` to a key that nobody writes: proc_dointvec (kernel/sysctl.c).

    Numbers of any base become decimal, a short vector leaves the rest as it is, more words than the key has are not read.
    Raises LaunchFailed where the kernel would answer EINVAL. What is no list of numbers is shown as it is given.
    """
    current = (fact.host_value or eci_value(name) or "").split()
    numbers = [_integer(word) for word in current]
    if not current or None in numbers:
        return value.strip()
    given = [_integer(word) for word in value.split()[: len(current)]]
    limit = 1 << (63 if path in LONGS else 31)
    for number in given:
        if number is None or not -limit <= number < limit or (number < 0 and path in NEVER_NEGATIVE):
            raise LaunchFailed(
                f'Can\'t set sysctl {name} to "{value}": Invalid argument',
                step="sysctls",
                hint="give a value that the kernel takes; now it is " + " ".join(current),
            )
    return "\t".join([*(str(number) for number in given), *current[len(given) :]])


def _integer(word: str) -> int | None:
    """A number as lib/kstrtox.c reads it: 0x is hexadecimal, a leading 0 octal."""
    found = re.fullmatch("([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)", word)
    if not found:
        return None
    sign, digits = found.groups()
    number = int(digits, 8) if digits.startswith("0") and digits.isdecimal() else int(digits, 0)
    return -number if sign == "-" else number
