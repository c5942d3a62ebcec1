"""`--sysctls host`: write a sysctl to the host while the pod runs, and put the old value back whatever happens.

Before the first write of a key its old value goes into a file of the state folder, with the pods that hold the key. The
last pod to end writes the old value back; after a crash the next ecirun command does, before it does anything else.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from ecirun.errors import LaunchFailed
from ecirun.linux import mount, openat2
from ecirun.plan.model import Sysctl
from ecirun.runtime.state import STATE, write_file
from ecirun.runtime.steps import Bench
from ecirun.runtime.sysctl_file import write_sysctl

FOLDER = f"{STATE}/.sysctls"


class WriteHostSysctl(NamedTuple):
    """Remember the host's value and write the pod's, before the pod has namespaces of its own."""

    pod: str
    sysctl: Sysctl
    name: str = "host-sysctls"

    def describe(self) -> str:
        return f'set the HOST\'s sysctl {self.sysctl.name} to "{self.sysctl.value}" until the pod ends'

    def run(self, bench: Bench) -> None:
        with _locked(), _proc() as proc:
            record = _read(self.sysctl.path) or {
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
            write_file(_file(self.sysctl.path), json.dumps(record))
            write_sysctl(proc, self.sysctl)


def release(pod: str) -> None:
    """Put back what `pod` was the last to hold. For the host's network namespace."""
    if not os.path.isdir(FOLDER):
        return
    with _locked(), _proc() as proc:
        for name in os.listdir(FOLDER):
            path = name.replace(",", "/")
            record = _read(path) if name != "lock" else None
            if record is None or pod not in record["pods"]:
                continue
            record["pods"].remove(pod)
            if record["pods"]:
                write_file(_file(path), json.dumps(record))
                continue
            write_sysctl(proc, Sysctl(path.replace("/", "."), record["original"], path, "host", ""))
            os.unlink(_file(path))
        if os.listdir(FOLDER) == ["lock"]:
            os.unlink(f"{FOLDER}/lock")
            os.rmdir(FOLDER)


def _file(path: str) -> str:
    return f"{FOLDER}/{path.replace('/', ',')}"


def _read(path: str) -> dict[str, Any] | None:
    try:
        with open(_file(path)) as file:
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
    proc = mount.new_filesystem("proc", {}, mount.attributes(("nosuid", "nodev", "noexec")))
    try:
        yield proc
    finally:
        os.close(proc)


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    os.makedirs(FOLDER, 0o700, exist_ok=True)
    lock = os.open(f"{FOLDER}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(lock)
