"""What there is to say about a pod: its phase, its state.json, and how it ended."""

from __future__ import annotations

import contextlib
import json
import signal

from ecirun.linux import proc
from ecirun.runtime import life
from ecirun.runtime.events import now
from ecirun.runtime.messages import Message

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Any

    from ecirun.runtime.pod_run import PodRun

FAILED = ("DeadlineExceeded", "Evicted")  # ends that mean failure, whatever the containers say


class PodStatus:
    """The status of one pod."""

    def __init__(self, pod: PodRun) -> None:
        self.pod = pod
        self._started_at = now()

    @property
    def phase(self) -> life.Phase:
        """The pod's phase."""
        pod = self.pod
        if pod.ending in FAILED:
            return "Failed"
        if pod.loop.done:
            return "Succeeded" if all(run.ended is not None and run.ended["exit_code"] == 0 for run in pod.apps) else "Failed"
        return life.phase_of([run.standing for run in pod.runs])

    def as_json(self) -> dict[str, Any]:
        """What state.json says."""
        pod, request = self.pod, self.pod.equipment.request
        return {
            "schema_version": 1,
            "name": pod.plan.name,
            "namespace": pod.plan.namespace,
            "uid": pod.plan.uid,
            "phase": self.phase,
            "reason": pod.ending if pod.ending in FAILED else "",
            "message": pod.ending_message,
            "started_at": self._started_at,
            "address": pod.equipment.address,
            "supervisor": proc.own_pid(),
            "detached": request.detached,
            "captured": not request.streams,
            "exit_code": self.outcome().get("exited") if pod.loop.done else None,
            "containers": [run.status() for run in pod.runs],
            "events": pod.events.listed(),
        }

    def save(self) -> None:
        """Write state.json."""
        # A full disk costs the record of this moment, not the pod.
        with contextlib.suppress(OSError):
            self.pod.equipment.folder.write("state.json", json.dumps(self.as_json(), indent=1) + "\n")

    def outcome(self) -> Message:
        """How it ended, for the client: an error, or the exit code that stands for the pod."""
        pod = self.pod
        if pod.error is not None:
            return pod.error
        if pod.plan.run_once:
            once = pod.run_named(pod.plan.run_once).ended
            code, number = (once["exit_code"], once["signal"]) if once else (137, int(signal.SIGKILL))
        else:
            code, number = pod.first_failure or self._last_code()
        if code == 0 and pod.ending in FAILED:
            code = 1
        return {"exited": code, "signal": number, "phase": self.phase, "reason": pod.ending}

    def _last_code(self) -> tuple[int, int | None]:
        """The first code that is not 0 of containers that were stopped, else 0."""
        for run in self.pod.apps:
            if run.ended and run.ended["exit_code"]:
                return run.ended["exit_code"], run.ended["signal"]
        return 0, None
