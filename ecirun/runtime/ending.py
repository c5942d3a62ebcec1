"""The end of containers: hook, turn, stop signal, and SIGKILL when the grace period is over.

    1. the preStop hook; its time is a part of the grace period
    2. a sidecar waits until the app containers and the sidecars that started after it have ended
    3. the stop signal; even if nothing is left of the grace period there are two seconds from here on
    4. SIGKILL

Rules: Kubernetes pkg/kubelet/kuberuntime/kuberuntime_container.go (killContainer), kuberuntime_termination_order.go.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence

from ecirun.linux import proc
from ecirun.runtime import actions
from ecirun.runtime.loop import Timer

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from ecirun.runtime.container_run import ContainerRun
    from ecirun.runtime.pod_run import PodRun

LEAST_GRACE = 2.0  # seconds


class Termination:
    """One container on its way to its end. `waits_for` are the containers that end before it."""

    def __init__(
        self, pod: PodRun, run: ContainerRun, grace: float, *, waits_for: Sequence[ContainerRun] = (), natural: bool = False
    ) -> None:
        self.pod = pod
        self.run = run
        self.waits_for = waits_for
        self.natural = natural  # the pod has done its work: nobody waits for what cannot hear
        self.phase = "hook"
        self.until = pod.loop.now() + grace
        self._timer: Timer | None = None
        run.on_end.append(self._cancel_timer)
        if grace <= 0 or not run.is_running:
            run.kill()
        elif run.plan.pre_stop:
            self._set_timer()
            actions.start(pod, run, run.plan.pre_stop, None, self._hook_is_done)
        else:
            self._await_turn()

    def hasten(self, grace: float) -> None:
        """The grace period is over so many seconds from now at the latest."""
        until = self.pod.loop.now() + grace
        if until < self.until:
            self.until = until
            self._set_timer()

    def look(self) -> None:
        """Another container has ended: it may be this one's turn."""
        if self.phase == "turn" and not any(other.is_busy for other in self.waits_for):
            self._send_signal()

    def _hook_is_done(self, result: actions.Result) -> None:
        if self.phase != "hook":
            return
        if not result.success:
            self.pod.events.happened("FailedPreStopHook", self.run.name, f"preStop hook failed: {result.text.strip()}")
        self._await_turn()

    def _await_turn(self) -> None:
        self.phase = "turn"
        self._set_timer()
        self.look()

    def _send_signal(self) -> None:
        self.phase = "signal"
        self._began = self.pod.loop.now()
        if self.run.plan.pre_stop or self.waits_for:
            self.until = max(self.until, self._began + LEAST_GRACE)
        number = signal_number(self.run.plan.stop_signal)
        if self.natural and self._is_deaf_to(number):
            self.pod.note(self.run, f"killed at once: PID 1 without a handler for {self.run.plan.stop_signal} does not hear it")
            self.run.kill()
            return
        self._set_timer()
        self.run.signal(number)

    def _is_deaf_to(self, number: int) -> bool:
        """Whether the kernel keeps the signal from it: the first process of a namespace gets only what it handles."""
        return not self.run.plan.shared_processes and not proc.handles_signal(proc.pid_of(self.run.target), number)

    def _time_is_over(self) -> None:
        self._timer = None
        if self.phase == "hook":
            self.pod.events.happened("FailedPreStopHook", self.run.name, "preStop hook did not end within the grace period")
            self._await_turn()
        elif self.phase == "turn":
            self._send_signal()
        else:
            seconds = round(self.until - self._began, 1)
            self.pod.note(self.run, f"still running {seconds:g} s after the stop signal: killed")
            self.run.kill()

    def _set_timer(self) -> None:
        self._cancel_timer()
        self._timer = self.pod.loop.after(max(0.0, self.until - self.pod.loop.now()), self._time_is_over)

    def _cancel_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


def signal_number(name: str) -> int:
    """The number of a stop signal such as SIGTERM, TERM, 15, RTMIN+3 or SIGRTMAX-1."""
    if name.isdecimal():
        return int(name)
    word = name.upper().removeprefix("SIG")
    if match := re.fullmatch(r"RT(MIN|MAX)([+-][0-9]+)?", word):
        return int(getattr(signal, f"SIGRT{match[1]}")) + int(match[2] or 0)
    return int(getattr(signal, f"SIG{word}", signal.SIGTERM))
