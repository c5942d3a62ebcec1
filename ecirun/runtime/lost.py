"""Cleaning up after pods whose supervisor was killed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable

from ecirun.runtime import state
from ecirun.runtime.state import STATE


def clean_up_lost_pods(say: Callable[[str], None]) -> None:
    """Give back what they changed on the host. A detached one keeps its folder, as a pod that is Lost."""
    for record, folder in state.lost_pods():
        from ecirun.runtime import bridge, host_sysctls  # there is hardly ever one

        bridge.release(record.name, STATE)
        host_sysctls.release(record.name, STATE)
        say(f'pod "{record.name}" was lost: its supervisor died; cleaned up after it')
        if not record.state.get("detached"):
            folder.remove()
            continue
        ended = {**record.state, "phase": "Failed", "reason": "Lost", "message": "the supervisor died"}
        with contextlib.suppress(OSError):
            folder.write("state.json", json.dumps(ended, indent=1) + "\n")
