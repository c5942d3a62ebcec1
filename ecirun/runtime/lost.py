"""Cleaning up after pods whose supervisor was killed.

Their processes, namespaces and mounts are gone with it: the kernel sees to that. What is left is what has a name on the host:
addresses and interfaces, sysctls, control groups, the folder of volumes on the disk, and the pod's folder itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
from collections.abc import Callable

from ecirun.linux import proc
from ecirun.runtime import state
from ecirun.runtime.state import STATE, PodFolder, PodRecord

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Any

DYING = 5.0  # seconds


def clean_up_lost_pods(say: Callable[[str], None]) -> None:
    """Give back what they had of the host. A detached one keeps its folder, as a pod that is Lost."""
    found = False
    for record, folder in state.lost_pods():
        found = True
        _wait_for_exit(record.state.get("supervisor"))
        _release(record, folder)
        say(f'pod "{record.name}" was lost: its supervisor died; cleaned up after it')
        if not _was_detached(record, folder):
            folder.remove()
            continue
        with contextlib.suppress(OSError):
            folder.write("state.json", json.dumps(as_lost(record.state), indent=1) + "\n")
    if found:
        _sweep_groups()


def _wait_for_exit(supervisor: Any) -> None:
    """Wait for the end of a supervisor that is dying: it drops its lock a moment before the kernel ends its containers."""
    if not isinstance(supervisor, int) or not proc.name_of(supervisor).startswith("ecirun-superv"):
        return
    with contextlib.suppress(OSError):
        pidfd = os.pidfd_open(supervisor)
        select.select([pidfd], [], [], DYING)
        os.close(pidfd)


def as_lost(last: dict[str, Any]) -> dict[str, Any]:
    """The state of a lost pod, whose last was `last`: nobody knows how its containers ended, but they have."""
    containers = [_ended(entry) for entry in last.get("containers", ())]
    return {**last, "phase": "Failed", "reason": "Lost", "message": "the supervisor died", "containers": containers}


def _ended(container: dict[str, Any]) -> dict[str, Any]:
    if "terminated" in container["state"]:
        return container
    # As the kubelet says it (pkg/kubelet/kubelet_pods.go, convertToAPIContainerStatuses).
    terminated = {
        "id": container["id"],
        "exit_code": 137,
        "signal": None,
        "reason": "ContainerStatusUnknown",
        "message": "The container could not be located when the pod was terminated",
        "started_at": container["state"].get("running", {}).get("started_at", ""),
        "finished_at": "",
    }
    return {**container, "state": {"terminated": terminated}, "ready": False, "started": False, "pid": None}


def _release(record: PodRecord, folder: PodFolder) -> None:
    from ecirun.runtime import bridge, host_sysctls, places

    bridge.release(record.name, STATE)
    host_sysctls.release(record.name, STATE)
    try:
        with open(f"{folder.path}/plan.json", encoding="utf-8") as file:
            scratch = json.load(file)["scratch"]
    except (OSError, ValueError, LookupError, TypeError):
        return  # whoever makes the next one in that store finds it
    if scratch:
        places.sweep_scratch(os.path.dirname(scratch))


def _was_detached(record: PodRecord, folder: PodFolder) -> bool:
    if record.state:
        return bool(record.state.get("detached"))
    # Its record is spoiled too, but what it has written may still be wanted. One without a record has hardly begun.
    return os.path.exists(f"{folder.path}/state.json") and os.path.isdir(f"{folder.path}/log")


def _sweep_groups() -> None:
    from ecirun.runtime import groups

    groups.sweep_all()
