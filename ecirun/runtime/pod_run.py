"""A pod's life, in its supervisor: which container starts when, what its end means, and when the pod ends.

init containers, one after the other; a sidecar counts as soon as it has started
then the app containers, one after the other, together from then on
a container that ended starts again as its restart policy says
the pod ends when no app container is left that runs or will run again, or when it is stopped
then the sidecars end, last first

Rules: Kubernetes pkg/kubelet/kuberuntime/kuberuntime_manager.go (computePodActions), kuberuntime_container.go.
"""

from __future__ import annotations

import contextlib
import os
import signal

from ecirun import errors
from ecirun.errors import EcirunError
from ecirun.linux.sockets import Socket
from ecirun.plan.model import PodPlan
from ecirun.runtime import actions, container_process, life, messages, probes, spawning
from ecirun.runtime.child import end_keeper, kill_keeper
from ecirun.runtime.container_run import ContainerRun
from ecirun.runtime.ending import Termination
from ecirun.runtime.equipment import Equipment
from ecirun.runtime.events import Events
from ecirun.runtime.loop import Loop, Timer
from ecirun.runtime.messages import Message
from ecirun.runtime.pod_status import PodStatus

SAVE_DELAY = 0.01  # seconds
JOINER_DELAY = 0.003  # seconds: a container that lives for a moment only is not executed in
KEEPER_DELAY = 0.1  # seconds: and what is wanted of one that has just begun shall not wait for its keeper's end


class PodRun:
    """The pod of one supervisor."""

    def __init__(self, plan: PodPlan, equipment: Equipment, loop: Loop, client: Socket) -> None:
        self.plan = plan
        self.equipment = equipment
        self.loop = loop
        self.client = client
        self.keeps_joiners = equipment.request.keeps_joiners
        self.runs = [ContainerRun(self, entry) for entry in plan.all_containers]
        self.apps = [run for run in self.runs if run.plan.role == "app"]
        self.events = Events(lambda text: self.tell({"note": text}))
        self.status = PodStatus(self)
        self.launched = False  # some program of it has run
        self.ending = ""  # why the pod is being ended, once it is
        self.ending_message = ""
        self.error: Message | None = None  # why the launch failed
        self.first_failure: tuple[int, int | None] | None = None  # code and signal
        self._initialized = False
        self._interrupted = False
        self._children: dict[int, int] = {}
        self._keepers: list[tuple[int, int]] = []
        self._warned: set[str] = set()
        self._save_timer: Timer | None = None

    # The beginning.

    def begin(self) -> None:
        """Start the first container, and the pod's deadline."""
        if self.plan.active_deadline_seconds is not None:
            self.loop.after(self.plan.active_deadline_seconds, self._deadline)
        limited = [volume for volume in self.plan.volumes if volume.kind == "directory" and volume.size is not None]
        if limited:
            from ecirun.runtime import eviction

            eviction.Watch(self, limited)
        self.advance()

    def advance(self) -> None:
        """Start what is next, or end the pod when nothing is left."""
        if self.ending:
            return self._go_on_ending()
        if not self._initialized and not self._initialize():
            return
        for run in self.apps:
            if not run.was_begun:
                return self._start_unless_busy(run)
        if self._is_over():
            self.end("Completed")

    def _initialize(self) -> bool:
        """Start the next init container or sidecar; whether there is none left."""
        for run in self.runs:
            if run.plan.role == "app":
                break
            if run.plan.role == "sidecar" and run.has_started:
                continue
            if run.final_code == 0:
                continue
            if run.final_code is None:
                self._start_unless_busy(run)
            else:
                self.end("Error")  # it has failed for good
            return False
        self._initialized = True
        return True

    def _start_unless_busy(self, run: ContainerRun) -> None:
        """Start a container that is neither running nor waiting for its back-off."""
        if not run.is_busy and run.ended is None:
            self._start(run)

    def _start(self, run: ContainerRun) -> None:
        if self.ending:
            return
        try:
            run.start()
        except (OSError, EcirunError) as error:
            run.could_not_start(container_process.error_message(error))

    def _is_over(self) -> bool:
        if self.plan.run_once:
            return self.run_named(self.plan.run_once).final_code is not None
        return all(run.final_code is not None for run in self.apps)

    def run_named(self, name: str) -> ContainerRun:
        """The container of that name."""
        return next(run for run in self.runs if run.name == name)

    # What containers report.

    def container_runs(self, run: ContainerRun) -> None:
        """Its program runs: tell who waits for it, call its hook, start its probes."""
        self.launched = True
        if self.equipment.request.detached:
            self.save()
        self.tell({"started": run.name})
        if self.keeps_joiners:
            self.loop.after(JOINER_DELAY, run.prepare_joiner)
        if run.plan.post_start:
            actions.start(self, run, run.plan.post_start, None, lambda result: self._hook_done(run, result))
        else:
            self._settled(run)

    def _hook_done(self, run: ContainerRun, result: actions.Result) -> None:
        if not run.is_running:
            return
        if result.success:
            return self._settled(run)
        self.events.happened("FailedPostStartHook", run.name, f"postStart hook failed: {result.text.strip()}")
        return self.restart(run, "FailedPostStartHook", None)

    def _settled(self, run: ContainerRun) -> None:
        """It runs and its hook is through."""
        probes.start(self, run)
        self.changed()
        self.advance()

    def readiness_changed(self, _run: ContainerRun) -> None:
        """A probe has changed what is known of a container."""
        self.changed()
        self.advance()

    def container_did_not_start(self, run: ContainerRun, error: Message) -> None:
        """A step of its launch failed."""
        if not self.launched or self._is_needed_by_all(run):
            self.error = self.error or error
            self.end("StartError", grace=0)  # nobody needs what has started of it
            return
        self.events.happened("Failed", run.name, f"did not start: {error['message']}")
        self.tell({"did_not_start": run.name, "error": error})
        kind: type[EcirunError] = getattr(errors, error["error"])
        self._after_end(run, 0.0, waiting="RunContainerError", code=kind.exit_code)

    def _is_needed_by_all(self, run: ContainerRun) -> bool:
        """Whether somebody waits in the foreground for a pod whose only program, or only next one, is this one."""
        if self.equipment.request.detached:
            return False
        return run.name == self.plan.run_once or run.plan.role != "app" or len(self.apps) == 1

    def container_ended(self, run: ContainerRun, ran_for: float) -> None:
        """Its program has ended."""
        assert run.ended is not None
        if run.ended["reason"] == "OOMKilled" and run.plan.limits.memory is not None:
            self.note(run, f"out of memory: killed at its limit of {run.plan.limits.memory} bytes", reason="OOMKilled")
        self._after_end(run, ran_for, waiting="CrashLoopBackOff", code=run.ended["exit_code"])

    def _after_end(self, run: ContainerRun, ran_for: float, *, waiting: str, code: int) -> None:
        assert run.ended is not None
        again = not self.ending and not self._interrupted and run.name != self.plan.run_once
        if again and life.starts_again(run.plan.restart_policy, run.plan.role, run.ended["exit_code"]):
            delay = run.backoff.after(ran_for)
            pod = f"{self.plan.name}_{self.plan.namespace}({self.plan.uid})"
            run.waiting = (waiting, f"back-off {delay:.0f}s restarting failed container={run.name} pod={pod}")
            self.loop.after(delay, lambda: self._start(run))
        elif code and run.plan.role != "sidecar" and not self.ending:
            self.first_failure = self.first_failure or (code, run.ended["signal"])
        self.advance()
        self.changed()

    # The end.

    def end(self, reason: str, message: str = "", grace: float | None = None) -> None:
        """End the pod: hooks, stop signals, and after the grace period the end of everything."""
        if self.ending:
            return self._go_on_ending()
        self.ending, self.ending_message = reason, message
        grace = self.plan.grace_period_seconds if grace is None else grace
        for position, run in enumerate(self.runs):
            if run.is_busy:
                self._terminate(run, grace, self._that_end_before(position))
        self.changed()
        return self._go_on_ending()

    def _that_end_before(self, position: int) -> list[ContainerRun]:
        """The containers that a sidecar waits for: the apps, and the sidecars that started after it."""
        if self.runs[position].plan.role != "sidecar":
            return []
        return [run for run in self.runs[position + 1 :] if run.plan.role != "init"]

    def _terminate(self, run: ContainerRun, grace: float, waits_for: list[ContainerRun]) -> None:
        if run.termination:
            run.termination.hasten(grace)
            run.termination.waits_for = waits_for
        else:
            natural = self.ending == "Completed"
            run.termination = Termination(self, run, grace, waits_for=waits_for, natural=natural)

    def stop(self, grace: float | None) -> None:
        """End the pod from outside; `grace` in seconds, None for the pod's own. A further stop may only hasten the end."""
        if grace == 0:
            self.kill_all()
        elif not self.ending:
            self.end("Stopped", grace=grace)
        elif grace is not None:
            for run in self.runs:
                if run.termination:
                    run.termination.hasten(grace)

    def kill_all(self) -> None:
        """No more grace."""
        if not self.ending:
            self.ending = "Killed"
        for run in self.runs:
            run.kill()
        self._go_on_ending()

    def _go_on_ending(self) -> None:
        if any(run.is_busy for run in self.runs):
            for run in self.runs:
                if run.termination:
                    run.termination.look()
            return
        for run in self.runs:
            run.will_not_start_again()
        self.loop.done = True

    def _deadline(self) -> None:
        message = "Pod was active on the node longer than the specified deadline"
        self.events.happened("DeadlineExceeded", "", message)
        self.end("DeadlineExceeded", message)

    def restart(self, run: ContainerRun, why: str, grace: int | None) -> None:
        """End one container because a probe or hook says so; its restart policy tells what follows."""
        again = ", will be restarted" if run.plan.restart_policy != "Never" else ""
        self.events.happened("Killing", run.name, f"{why}{again}")
        if run.termination is None:
            run.termination = Termination(self, run, self.plan.grace_period_seconds if grace is None else grace)

    # What the client says and hears.

    def signalled(self, number: int) -> None:
        """A signal of the client's: for the app containers, or for the init container that runs."""
        if number == signal.SIGINT:
            self._interrupted = True  # who is interrupted shall not start again
        running = [run for run in self.apps if run.is_running and self.plan.run_once in ("", run.name)]
        for run in running or [run for run in self.runs if run.is_running]:
            run.signal(number)

    def tell(self, message: Message, descriptors: tuple[int, ...] = ()) -> None:
        """Something for the client that launched the pod."""
        messages.offer(self.client, message, descriptors)

    def note(self, run: ContainerRun, text: str, *, reason: str = "Killing") -> None:
        """Something about a container that its user should know."""
        self.events.happened(reason, run.name, text, shown=text if len(self.runs) == 1 else "")

    def warn(self, text: str) -> None:
        """Something that is not as the pod's user may think; said once."""
        if text not in self._warned:
            self._warned.add(text)
            self.tell({"warning": text})

    def reap(self, pid: int, pidfd: int) -> None:
        """Collect a child that nobody asks about, when it ends."""

        def gone() -> None:
            self.loop.on_readable(pidfd, None)
            del self._children[pid]
            os.close(pidfd)
            os.waitpid(pid, 0)

        self._children[pid] = pidfd
        self.loop.on_readable(pidfd, gone)

    def take_keeper(self, keeper: tuple[int, int]) -> None:
        """End it when there is time."""
        self._keepers.append(keeper)
        self.loop.after(KEEPER_DELAY, self.end_keepers)

    def kill_keepers(self) -> None:
        """Have them end while there are other things to do."""
        for keeper in self._keepers:
            kill_keeper(keeper)

    def end_keepers(self) -> None:
        """End those that are left of containers' starts."""
        while self._keepers:
            end_keeper(self._keepers.pop())

    def collect(self) -> None:
        """End what children are left when the pod has ended."""
        for pid, pidfd in self._children.items():
            spawning.send_signal(pidfd, signal.SIGKILL)
            os.waitpid(pid, 0)

    def abandon(self) -> None:
        """Something has gone wrong here: end every process at once."""
        for run in self.runs:
            if run.process is not None:
                run.kill()
                with contextlib.suppress(ChildProcessError):
                    run.process.collect()
        self.collect()

    def detach(self) -> None:
        """It does not end with its client any more."""
        self.equipment.request.detached = True
        self.save()

    def drain(self) -> None:
        """Log what containers have written up to now."""
        for run in self.runs:
            run.drain()

    def changed(self) -> None:
        """Save the state soon: a pod that lives for a moment only spares itself the writing."""
        if self._save_timer is None:
            self._save_timer = self.loop.after(SAVE_DELAY, self.save)

    def save(self) -> None:
        """Write state.json."""
        if self._save_timer:
            self._save_timer.cancel()
            self._save_timer = None
        self.status.save()
