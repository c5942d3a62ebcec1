"""The state of the host that a pod must leave as it found it, read around every sandbox test: some ten milliseconds."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import hashlib
import os
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PR_SET_CHILD_SUBREAPER = 36
KEYCTL_READ = 11
USER_KEYRING = -4
SESSION_KEYRING = -3
SIOCGIFFLAGS = 0x8913

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
SYSCTLS = ("kernel", "vm", "fs", "net/core", "net/ipv4", "net/unix", "net/ipv4/conf/all", "net/ipv4/conf/default")
# What changes by itself.
RESTLESS = ("random", "ns_last_pid", "dentry-state", "file-nr", "inode-nr", "inode-state", "aio-nr", "pty", "stat_refresh")

libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """From now on a process whose parents die stays below this one, where the snapshot finds it."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def host_snapshot() -> dict[str, Any]:
    """The host as a pod could change it."""
    return {
        "mounts": Path("/proc/self/mountinfo").read_text(),
        "processes": pod_processes(),
        "namespaces": {name: _link(f"/proc/self/ns/{name}") for name in NAMESPACES},
        "cgroups": sorted(_cgroups()),
        "own cgroup": _read("/proc/self/cgroup"),
        "interfaces": _interfaces(),
        "routes": _read("/proc/net/route"),
        "host name": os.uname().nodename,
        "sysctls": {path: _read(path) for path in _settable_sysctls()},
        "System V IPC": {kind: _ids(f"/proc/sysvipc/{kind}") for kind in ("shm", "sem", "msg")},
        "keys": {ring: _keys(ring) for ring in (USER_KEYRING, SESSION_KEYRING)},
        "descriptors": {number: _link(f"/proc/self/fd/{number}") for number in _own_descriptors()},
        "state": _tree("/run/ecirun"),
        "store": _tree(os.environ.get("ECIRUN_STORE", "/var/lib/ecirun")),
        "files": {path: _identity(path) for path in _precious_files()},
    }


def settled_host_snapshot(before: dict[str, Any]) -> dict[str, Any]:
    """The host once it is as it was `before`, or after some patience as it is.

    A process that was killed, or an interface whose namespace is gone, may need a moment.
    """
    deadline = time.monotonic() + 5
    while (after := host_snapshot()) != before and time.monotonic() < deadline:
        time.sleep(0.02)
    return after


def program_hashes() -> dict[str, str]:
    """Digests of the programs that run on the host: compared once per session, because of their size."""
    return {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in _programs()}


def pod_processes() -> dict[int, tuple[str, dict[str, str]]]:
    """The live processes below this one: command line, and the namespaces that are not this one's."""
    own = {name: _link(f"/proc/self/ns/{name}") for name in NAMESPACES}
    found = {}
    for pid in _descendants(os.getpid()):
        foreign = {name: link for name in NAMESPACES if (link := _link(f"/proc/{pid}/ns/{name}")) not in ("", own[name])}
        found[pid] = _read(f"/proc/{pid}/cmdline").replace("\0", " "), foreign
    return found


def _descendants(pid: int) -> Iterator[int]:
    for task in _entries(f"/proc/{pid}/task"):
        for child in map(int, _read(f"/proc/{pid}/task/{task}/children").split()):
            # A zombie is dead; its parent only has not looked yet.
            if ") Z " not in _read(f"/proc/{child}/stat"):
                yield child
                yield from _descendants(child)


def _cgroups() -> Iterator[str]:
    """The control groups that ecirun made below this process's own, in every hierarchy (v1, v2 and both)."""
    own = [line.split(":", 2)[1:] for line in _read("/proc/self/cgroup").splitlines()]
    for line in _read("/proc/self/mountinfo").splitlines():
        mount, _, kind = line.partition(" - cgroup")
        root, point = mount.split()[3:5]
        options = set(kind.split()[-1].split(",")) if kind else set()
        for names, path in own:
            # Version 2 has no names.
            if kind and (set(names.split(",")) <= options if names else kind.startswith("2 ")):
                top = point + path.removeprefix(root.rstrip("/")).rstrip("/")
                yield from _made_in(top)


def _made_in(top: str) -> Iterator[str]:
    for name in _entries(top):
        # That of an engine of scripts/with-docker comes with its first container.
        if "ecirun" in name and not name.startswith("ecirun-docker-"):
            yield f"{top}/{name}"
            yield from _folders(f"{top}/{name}")


def _folders(top: str) -> Iterator[str]:
    with contextlib.suppress(OSError), os.scandir(top) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield entry.path
                yield from _folders(entry.path)


def _interfaces() -> dict[str, int]:
    """The interfaces of this network namespace, with their flags (up, promiscuous, …)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        requests = {name: struct.pack("16sh22x", name.encode(), 0) for _index, name in socket.if_nameindex()}
        return {
            name: struct.unpack("16sh22x", fcntl.ioctl(sock, SIOCGIFFLAGS, request))[1] for name, request in requests.items()
        }


@functools.cache
def _settable_sysctls() -> tuple[str, ...]:
    """The keys of /proc/sys that a pod could change; which ones there are does not change."""
    folders = [f"/proc/sys/{name}" for name in SYSCTLS] + list(_folders("/proc/sys/fs"))
    return tuple(
        path
        for folder in folders
        for name in _entries(folder)
        if os.path.isfile(path := f"{folder}/{name}") and os.access(path, os.W_OK) and not set(path.split("/")) & set(RESTLESS)
    )


def _ids(path: str) -> list[str]:
    return sorted(line.split()[1] for line in _read(path).splitlines()[1:])


def _keys(ring: int) -> list[int]:
    buffer = (ctypes.c_int32 * 1024)()
    size = keyctl(KEYCTL_READ, ring, ctypes.byref(buffer), ctypes.sizeof(buffer))
    return sorted(buffer[: max(0, size) // 4])


def keyctl(operation: int, *arguments: Any) -> int:
    """keyctl(2): the C library has no function for it."""
    number = 250 if os.uname().machine == "x86_64" else 219
    result: int = libc.syscall(number, operation, *arguments)
    return result


def _own_descriptors() -> list[str]:
    return [name for name in os.listdir("/proc/self/fd") if "/proc/" not in _link(f"/proc/self/fd/{name}")]


def _programs() -> tuple[str, ...]:
    candidates = (sys.executable, "/bin/sh", "/bin/busybox")
    return tuple(os.path.realpath(path) for path in candidates if os.path.exists(path))


def _precious_files() -> tuple[str, ...]:
    nodes = tuple(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "stdin", "stdout"))
    names = ("passwd", "shadow", "group", "hosts", "hostname", "resolv.conf")
    return (*_programs(), *nodes, *(f"/etc/{name}" for name in names))


def _identity(path: str) -> tuple[int, ...]:
    """What a change of content, owner or mode would change; times of a device node change with every use."""
    try:
        status = os.lstat(path)
    except OSError:
        return ()
    times = () if path.startswith("/dev/") else (status.st_mtime_ns, status.st_ctime_ns)
    return (status.st_ino, status.st_mode, status.st_uid, status.st_gid, status.st_size, status.st_rdev, *times)


def _tree(top: str) -> dict[str, tuple[int, ...]]:
    """Every file below `top`: mode, owner, size and the time of its last change; a folder changes with what is in it."""
    found: dict[str, tuple[int, ...]] = {}
    with contextlib.suppress(OSError), os.scandir(top) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                found[entry.path] = (status.st_mode, status.st_uid)
                found |= _tree(entry.path)
            else:
                found[entry.path] = (status.st_mode, status.st_uid, status.st_size, status.st_mtime_ns)
    return found


def _entries(path: str) -> list[str]:
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def _read(path: str) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(descriptor, 1 << 16).decode(errors="replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
