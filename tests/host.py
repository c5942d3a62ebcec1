"""The state of the host that a pod must leave as it found it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def host_snapshot() -> dict[str, Any]:
    """The host as a pod could change it: mounts, foreign process namespaces, interfaces, sysctls, descriptors, files."""
    return {
        "mounts": Path("/proc/self/mountinfo").read_text(),
        "namespaces": pod_processes(),
        "interfaces": sorted(os.listdir("/sys/class/net")),
        "sysctls": {name: _read(name) for name in _settable_sysctls()},
        "descriptors": {number: _link(f"/proc/self/fd/{number}") for number in _own_descriptors()},
        "state": sorted(os.listdir("/run/ecirun")) if os.path.isdir("/run/ecirun") else [],
        "cgroups": sorted(str(path) for path in Path("/sys/fs/cgroup").glob("**/*ecirun*")),
        "busybox": _hash_of_store(),
        "python": Path(sys.executable).stat().st_mtime_ns,
    }


def _own_descriptors() -> list[str]:
    return [name for name in os.listdir("/proc/self/fd") if "/proc/" not in _link(f"/proc/self/fd/{name}")]


def pod_processes() -> list[str]:
    """Processes below this one that live in another pid namespace than it does."""
    own = _link("/proc/self/ns/pid")
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        namespace = _link(f"/proc/{pid}/ns/pid")
        command = _read(f"/proc/{pid}/cmdline")
        if (namespace not in ("", own) and "ecirun" in _read(f"/proc/{pid}/environ")) or "ecirun/__main__" in command:
            found.append(command)
    return sorted(found)


def _settable_sysctls() -> Iterator[str]:
    yield from ("/proc/sys/vm/min_free_kbytes", "/proc/sys/kernel/sem")
    for pattern in ("net/core/*", "net/ipv4/*", "kernel/msg*", "kernel/shm*", "fs/mqueue/*"):
        yield from (str(path) for path in Path("/proc/sys").glob(pattern) if path.is_file())


def _hash_of_store() -> list[tuple[str, int]]:
    store = Path(os.environ.get("ECIRUN_STORE", "/var/lib/ecirun"))
    return sorted((str(path), path.lstat().st_mtime_ns) for path in store.glob("roots/*/*"))


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
