"""`--sysctls host`: write a sysctl to the host while the pod runs, and put the old value back whatever happens.

Before the first write of a key its old value goes into a file of the state folder, with the pods that hold the key. The
last pod to end writes the old value back; after a crash the next ecirun command does, before it does anything else.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any

from ecirun.errors import LaunchFailed
from ecirun.linux import mount, openat2, process
from ecirun.plan.model import Sysctl
from ecirun.runtime.sandbox_steps import Bench
from ecirun.runtime.state import locked, remove_locked, write_file
from ecirun.runtime.sysctl_file import write_sysctl

FOLDER = ".sysctls"


class WriteHostSysctl:
    """Remember the host's value and write the pod's, as seen from the host's network namespace."""

    name = "host-sysctls"

    def __init__(self, pod: str, sysctl: Sysctl) -> None:
        self.pod = pod
        self.sysctl = sysctl

    def describe(self) -> str:
        return f'set the HOST\'s sysctl {self.sysctl.name} to "{self.sysctl.value}" until the pod ends'

    def run(self, bench: Bench) -> None:
        own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        process.setns(bench.host_network, process.CLONE_NEWNET)
        try:
            self._write(f"{bench.state}/{FOLDER}")
        finally:
            process.setns(own, process.CLONE_NEWNET)
            os.close(own)

    def _write(self, folder: str) -> None:
        with locked(folder), _proc() as proc:
            record = _read(folder, self.sysctl.path) or {
                "original": _value(proc, self.sysctl.path),
                "value": self.sysctl.value,
                "pods": [],
            }
            if record["value"] != self.sysctl.value:
                others = ", ".join(record["pods"])
                raise LaunchFailed(
                    f"Can't set the host's sysctl {self.sysctl.name} to \"{self.sysctl.value}\": "
                    f'pod {others} holds it at "{record["value"]}"',
                    step=self.name,
                    hint="stop that pod first",
                )
            record["pods"].append(self.pod)
            write_file(_file(folder, self.sysctl.path), json.dumps(record))
            write_sysctl(proc, self.sysctl)


def release(pod: str, state: str) -> None:
    """Put back what `pod` was the last to hold. For the host's network namespace.

    `state` is where this process sees the state folder.
    """
    folder = f"{state}/{FOLDER}"
    if not os.path.isdir(folder):
        return
    with locked(folder), _proc() as proc:
        for name in os.listdir(folder):
            path = name.replace(",", "/")
            record = _read(folder, path) if name != "lock" else None
            if record is None or pod not in record["pods"]:
                continue
            record["pods"].remove(pod)
            if record["pods"]:
                write_file(_file(folder, path), json.dumps(record))
                continue
            write_sysctl(proc, Sysctl(path.replace("/", "."), record["original"], path, "host", ""))
            os.unlink(_file(folder, path))
        if os.listdir(folder) == ["lock"]:
            remove_locked(folder)


def _file(folder: str, path: str) -> str:
    return f"{folder}/{path.replace('/', ',')}"


def _read(folder: str, path: str) -> dict[str, Any] | None:
    try:
        with open(_file(folder, path)) as file:
            record: dict[str, Any] = json.load(file)
            return record
    except FileNotFoundError:
        return None


def _value(proc: int, path: str) -> str:
    key = openat2.open_beneath(proc, f"sys/{path}", os.O_RDONLY)
    try:
        return os.read(key, 65536).decode("ascii", "replace").strip()
    finally:
        os.close(key)


@contextlib.contextmanager
def _proc() -> Iterator[int]:
    proc = mount.new_filesystem("proc", {}, mount.SAFE)
    try:
        yield proc
    finally:
        os.close(proc)
