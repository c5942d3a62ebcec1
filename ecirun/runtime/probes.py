"""Startup, liveness and readiness probes of a running container (Kubernetes pkg/kubelet/prober/worker.go).

Liveness and readiness wait for the startup probe's success. Readiness begins with failure, liveness with success; readiness
never ends a container. A container that is killed by a probe has the probe's own grace period, if it has one.
"""

from __future__ import annotations

from ecirun.plan.model import Probe
from ecirun.runtime import actions
from ecirun.runtime.loop import Timer

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from ecirun.runtime.container_run import ContainerRun
    from ecirun.runtime.pod_run import PodRun


def start(pod: PodRun, run: ContainerRun) -> None:
    """Start the probes of a container that runs now; what has no probe is as good as probed."""
    if run.plan.startup_probe:
        _Worker(pod, run, "Startup", run.plan.startup_probe)
    else:
        startup_succeeded(pod, run)


def startup_succeeded(pod: PodRun, run: ContainerRun) -> None:
    """From here on the other probes count."""
    run.started = run.has_started = True
    if run.plan.liveness_probe:
        _Worker(pod, run, "Liveness", run.plan.liveness_probe)
    if run.plan.readiness_probe:
        _Worker(pod, run, "Readiness", run.plan.readiness_probe)
    else:
        run.ready = True


class _Worker:
    """One probe of one run of a container."""

    def __init__(self, pod: PodRun, run: ContainerRun, kind: str, probe: Probe) -> None:
        self.pod = pod
        self.run = run
        self.kind = kind
        self.probe = probe
        self.last = False
        self.in_a_row = 0
        self.timer: Timer | None = None
        run.on_end.append(self._stop)
        # Counted from the container's start, also where the startup probe has taken a part of it.
        self._next_in(max(0.0, probe.initial_delay - (pod.loop.now() - (run.running_since or 0.0))))

    def _next_in(self, seconds: float) -> None:
        self.timer = self.pod.loop.after(seconds, self._ask)

    def _stop(self) -> None:
        if self.timer:
            self.timer.cancel()
            self.timer = None

    def _ask(self) -> None:
        self.timer = None
        if not self.pod.ending:
            actions.start(self.pod, self.run, self.probe.action, self.probe.timeout, self._answered)

    def _answered(self, result: actions.Result) -> None:
        if result.is_error and self.run.has_just_ended:
            return None
        if result.is_error:
            # Neither success nor failure: whatever was known stays as it is.
            self.pod.events.happened("Unhealthy", self.run.name, f"{self.kind} probe errored: {result.text.strip()}")
            return self._next_in(self.probe.period)
        if result.success != self.last:
            self.in_a_row = 0
        self.last = result.success
        self.in_a_row += 1
        if not result.success:
            self.pod.events.happened("Unhealthy", self.run.name, f"{self.kind} probe failed: {result.text.strip()}")
        enough = self.probe.success_threshold if result.success else self.probe.failure_threshold
        if self.in_a_row < enough or self._conclude(result.success):
            self._next_in(self.probe.period)
        return None

    def _conclude(self, success: bool) -> bool:
        """Act on a result that has come often enough; whether the probe goes on."""
        if self.kind == "Readiness":
            if self.run.ready != success:
                self.run.ready = success
                self.pod.readiness_changed(self.run)
        elif not success:
            self.pod.restart(self.run, f"failed {self.kind.lower()} probe", self.probe.grace_period)
            return False
        elif self.kind == "Startup":
            startup_succeeded(self.pod, self.run)
            self.pod.readiness_changed(self.run)
            return False
        return True
