"""Sysctl names: the two spellings that Kubernetes takes, and the file each one means.

Rule: Kubernetes component-helpers/node/util/sysctl/sysctl.go (NormalizeName): the first separator decides. Where it is a
dot, dots separate and a slash stands for a dot inside a component (an interface name such as `eno2/100`); where it is a
slash it is the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

Namespace = Literal["ipc", "net", ""]

# The field of a pod spec that shares the host's namespace of that kind.
NAMESPACES: Mapping[Namespace, str] = {"ipc": "hostIPC", "net": "hostNetwork"}

_IPC = frozenset(
    "kernel.sem kernel.shm kernel.shmall kernel.shmmax kernel.shmmni kernel.shm_rmid_forced kernel.msg kernel.msgmax "
    "kernel.msgmnb kernel.msgmni".split()
)


_SWAP = {ord("."): "/", ord("/"): "."}


@lru_cache(maxsize=256)
def canonical(name: str) -> str:
    """The dotted spelling. Raises ValueError for a name that cannot be a file below /proc/sys."""
    first = min((at for at in (name.find("."), name.find("/")) if at >= 0), default=-1)
    dotted = name if first < 0 or name[first] == "." else _swapped(name)
    if any(component in ("", ".", "..") for component in _swapped(dotted).split("/")) or "\0" in name:
        raise ValueError(f"{name!r} names no file below /proc/sys")
    return dotted


@lru_cache(maxsize=256)
def proc_path(name: str) -> str:
    """The path below /proc/sys of a canonical name: `net.ipv4.conf.eno2/100.rp_filter` is net/ipv4/conf/eno2.100/rp_filter."""
    return _swapped(name)


def _swapped(name: str) -> str:
    return name.translate(_SWAP)


def namespace_of(name: str) -> Namespace:
    """The kernel namespace that Kubernetes knows a sysctl to be in (component-helpers node/util/sysctl/namespace.go)."""
    try:
        dotted = canonical(name)
    except ValueError:
        return ""
    if dotted in _IPC or dotted.startswith("fs.mqueue."):
        return "ipc"
    return "net" if dotted.startswith("net.") else ""
