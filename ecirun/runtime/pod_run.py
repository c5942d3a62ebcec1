"""A pod's life, in its supervisor: which container starts when, what its end means, and how the pod ends.

init containers, one after the other; a sidecar counts as soon as it has started
then the app containers, one after the other, together from then on
a container that ended starts again as its restart policy says
the pod ends when no app container is left that runs or will run again, or when it is stopped
then the sidecars end, last first
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from typing import Any

from ecirun.errors import EcirunError
from ecirun.linux import cgroup
from ecirun.linux.sockets import Socket
from ecirun.plan.model import POD_IP, ContainerPlan, Groundwork, PodPlan
from ecirun.runtime import (
    actions,
    container_process,
    eviction,
    joiner,
    life,
    messages,
    pod_steps,
    probes,
    shadow,
    spawning,
    tree_steps,
)
from ecirun.runtime.container_process import STREAMS
from ecirun.runtime.container_run import LONGEST_TERMINATION_MESSAGE, ContainerRun, now
from ecirun.runtime.logs import Capture, LogFile
from ecirun.runtime.loop import Loop, Timer
from ecirun.runtime.messages import Message
from ecirun.runtime.sandbox_steps import Bench
from ecirun.runtime.state import PodFolder
from ecirun.runtime.steps import Fault
from ecirun.runtime.zygote import Child, Zygote

SAVE_DELAY = 0.01  # seconds
JOINER_DELAY = 0.003  # seconds: a container that lives for a moment only is not executed in
SIDECAR_GRACE = 2.0  # Kubernetes leaves at least this much of the grace period to those that end last


class Sandbox:
    """What a supervisor has made ahead: the bench, and one process that can become a container."""

    def __init__(self, bench: Bench, zygote: Zygote, groundwork: Groundwork, process: Child | None) -> None:
        self.bench = bench
        self.zygote = zygote
        self.groundwork = groundwork
        self.process = process


class Request:
    """What the client that launched the pod asked for."""

    def __init__(self, message: Message, descriptors: tuple[int, ...]) -> None:
        self.plan_file = descriptors[0]
        self.first: str = message["first"]  # the container that starts first
        self.detached: bool = message["detached"]
        self.verbose: bool = message["verbose"]
        self.window = tuple(message["window"])
        self.log_limit: int = message["log_limit"]
        self.fault = Fault(*message["fault"])
        self.keeps_joiners: bool = message["keeps_joiners"]
        # Streams of the client's for containers whose output it shows; those of the others go to their logs.
        names: list[str] = message["streams"]
        rest = descriptors[1:]
        self.streams = {name: rest[index * STREAMS : (index + 1) * STREAMS] for index, name in enumerate(names)}
        rest = rest[len(names) * STREAMS :]
        # Folders of the host, open; before them the one that holds the pod's scratch folder, which goes with the pod.
        self.scratch_parent = rest[0] if message["scratch"] else -1
        self.places: list[str] = message["places"]
        self.place_mounts = rest[1:] if message["scratch"] else rest


class PodRun:
    """The pod of one supervisor."""

    def __init__(
        self, plan: PodPlan, request: Request, sandbox: Sandbox, folder: PodFolder, loop: Loop, client: Socket
    ) -> None:
        self.plan = plan
        self.loop = loop
        self.client = client
        self.null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        self.plan_file = request.plan_file
        self.verbose = request.verbose
        self.window = request.window
        self.fault = request.fault
        self.keeps_joiners = request.keeps_joiners
        self.shadowed = shadow.shadowed(plan.sysctls)
        self.runs = [ContainerRun(self, entry, f"{folder.path}/log/{entry.name}.log") for entry in plan.all_containers]
        self.ending = ""  # why the pod is being ended, once it is
        self.ending_message = ""
        self._request = request
        self._sandbox = sandbox
        self._folder = folder
        self._first_failure: tuple[int, int | None] | None = None
        self.launched = False  # some program of it has run
        self._children: dict[int, int] = {}
        self._error: Message | None = None
        self._warned: set[str] = set()
        self._kill_timer: Timer | None = None
        self._grace: float = 0
        self._save_timer: Timer | None = None
        self._started_at = now()
        self._ip = plan.network.address.replace(POD_IP, sandbox.bench.address)

    @property
    def address(self) -> str:
        """The pod's address; known once the pod's steps are taken."""
        return self._ip

    @property
    def pause(self) -> int:
        """A pidfd of pause, -1 where processes are not shared."""
        pause = self._sandbox.bench.pause
        return pause.pidfd if pause else -1

    # The beginning.

    def begin(self) -> None:
        """Start the first container, and the pod's deadline."""
        if self.plan.active_deadline_seconds is not None:
            self.loop.after(self.plan.active_deadline_seconds, self._deadline)
        limited = [volume for volume in self.plan.volumes if volume.kind == "directory" and volume.size is not None]
        if limited:
            eviction.Watch(self, limited)
        self.advance()

    def advance(self) -> None:
        """Start what is next, or end the pod when nothing is left."""
        if self.ending:
            return self._go_on_ending()
        for run in self.runs:
            if run.plan.role == "app":
                continue
            if run.plan.role == "sidecar":
                if run.started:
                    continue
                return self._start_unless_busy(run)
            if run.ended is not None and run.waiting is None:
                if run.ended["exit_code"] == 0:
                    continue
                return self.end("Error")  # an init container failed for good
            return self._start_unless_busy(run)
        for run in self.runs:
            if run.plan.role == "app" and not run.is_running and run.ended is None and run.restarts == 0:
                return self._start_unless_busy(run)
        if self._is_over():
            self.end("Completed")

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
            self._error = self._error or container_process.error_message(error)
            self.end("Error")

    def _is_over(self) -> bool:
        if self.plan.run_once:
            once = self._run(self.plan.run_once)
            return once.ended is not None and once.waiting is None
        apps = [run for run in self.runs if run.plan.role == "app"]
        return all(run.ended is not None and run.waiting is None for run in apps)

    def _run(self, name: str) -> ContainerRun:
        return next(run for run in self.runs if run.name == name)

    # What containers report.

    def container_runs(self, run: ContainerRun) -> None:
        """Its program runs: tell who waits for it, call its hook, start its probes."""
        self.launched = True
        if self._request.detached:
            self.save()
        self.tell({"started": run.name, "pid": run.process.pid if run.process else 0})
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
        self.note(f'container "{run.name}": postStart hook failed: {result.text}')
        run.kill()
        return None

    def _settled(self, run: ContainerRun) -> None:
        """It runs and its hook is through."""
        probes.start(self, run)
        self._changed()
        self.advance()

    def readiness_changed(self, _run: ContainerRun) -> None:
        """A probe has changed what is known of a container."""
        self._changed()
        self.advance()

    def container_did_not_start(self, run: ContainerRun, error: Message) -> None:
        """A step of its launch failed."""
        if not self.launched or not self._request.detached:
            self._error = self._error or error
            self.end("StartError", grace=0)  # nobody needs what has started of it
        else:
            self.note(f'container "{run.name}" did not start: {error["message"]}')
            self._after_end(run, 0.0, waiting="RunContainerError")

    def container_ended(self, run: ContainerRun, ran_for: float) -> None:
        """Its program has ended."""
        assert run.ended is not None
        code = run.ended["exit_code"]
        if code and self._first_failure is None and not self.ending:
            self._first_failure = (code, run.ended["signal"])
        self.tell({"ended_container": run.name, "exited": code, "signal": run.ended["signal"], "reason": run.ended["reason"]})
        self._after_end(run, ran_for, waiting="CrashLoopBackOff")

    def _after_end(self, run: ContainerRun, ran_for: float, *, waiting: str) -> None:
        assert run.ended is not None
        again = not self.ending and run.name != self.plan.run_once
        if again and life.starts_again(run.plan.restart_policy, run.plan.role, run.ended["exit_code"]):
            delay = run.backoff.after(ran_for)
            run.waiting = (waiting, f"back-off {delay:.0f}s restarting failed container={run.name}")
            self.loop.after(delay, lambda: self._start(run))
        self.advance()
        self._changed()

    # The end.

    def end(self, reason: str, message: str = "", grace: float | None = None) -> None:
        """End the pod: hooks, stop signals, and after the grace period the end of everything."""
        if self.ending:
            return
        self.ending, self.ending_message = reason, message
        grace = self.plan.grace_period_seconds if grace is None else grace
        self._grace = grace
        for run in self.runs:
            if run.plan.role != "sidecar":
                self._stop(run, grace)
        self._kill_timer = self.loop.after(grace, self._grace_is_over)
        self._go_on_ending()

    def stop(self, grace: float | None) -> None:
        """End the pod from outside; `grace` in seconds, None for the pod's own. A further stop may only hasten the end."""
        if grace == 0:
            self.kill_all()
        else:
            self.end("Stopped", grace=grace)

    def kill_all(self) -> None:
        """No more grace."""
        if not self.ending:
            self.ending = "Killed"
        for run in self.runs:
            run.kill()
        self._go_on_ending()

    def _stop(self, run: ContainerRun, grace: float) -> None:
        if not run.is_running:
            if run.is_busy:
                run.kill()
            return
        if grace == 0:
            run.kill()
        elif run.plan.pre_stop:
            number = stop_signal(run.plan.stop_signal)
            actions.start(self, run, run.plan.pre_stop, grace, lambda _result: run.signal(number))
        else:
            run.signal(stop_signal(run.plan.stop_signal))

    def _grace_is_over(self) -> None:
        left = [run for run in self.runs if run.is_busy]
        if self._grace and any(run.plan.role != "sidecar" for run in left):
            self.note(f"still running {self._grace:g} s after the stop signal: killed")
        for run in left:
            run.kill()

    def _go_on_ending(self) -> None:
        """The sidecars end when nothing else runs, the last that started first."""
        busy = [run for run in self.runs if run.is_busy]
        if not busy:
            for run in self.runs:
                run.will_not_start_again()
            self.loop.done = True
            return
        if all(run.plan.role == "sidecar" for run in busy):
            last = busy[-1]
            if not last.on_end or last.on_end[-1] is not _stopping:
                last.on_end.append(_stopping)
                self._stop(last, SIDECAR_GRACE)

    def _deadline(self) -> None:
        self.end("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")

    def restart(self, run: ContainerRun, why: str, grace: int | None) -> None:
        """End one container because a probe says so; its restart policy tells what follows."""
        grace = self.plan.grace_period_seconds if grace is None else grace
        self.note(f'container "{run.name}" {why}, will be ended')
        timer = self.loop.after(grace, run.kill)
        run.on_end.append(timer.cancel)
        self._stop(run, grace)

    # What containers ask of the pod.

    def clear_termination_file(self, name: str) -> None:
        """A container that starts again has said nothing yet."""
        with contextlib.suppress(OSError):
            os.truncate(self._sandbox.bench.at("file", f"termination-log.{name}"), 0)

    def take_process(self, plan: ContainerPlan, group: cgroup.Group | None) -> tuple[Child, cgroup.Group | None]:
        """A process for a container, in its group: the one that was made ahead, when it fits, else a new one."""
        groundwork = plan.groundwork()
        ahead, self._sandbox.process = self._sandbox.process, None
        if ahead is not None and groundwork == self._sandbox.groundwork:
            return ahead, self._sandbox.bench.first_group
        if ahead is not None:
            discard(ahead)
        new = container_process.start(self._sandbox.zygote, self._sandbox.bench.namespaces, groundwork, self.fault)
        container_process.show_plan(new.end, plan.name, self.plan_file)
        if group is None:
            group = self._sandbox.bench.groups.new()
        if group is not None:
            cgroup.add(group, new.pid)
        return new, group

    def new_joiner(self, run: ContainerRun) -> Child:
        """A process that has joined the container."""
        return joiner.start(self._sandbox.zygote, run.target, self.plan_file, run.name)

    def make_tree(self, plan: ContainerPlan, where: int) -> tuple[int, str]:
        """Make the container's tree in the mount namespace `where`, find its working directory, to be closed, and its program.

        Raises EcirunError or OSError.
        """
        bench = self._sandbox.bench
        mounts = pod_steps.open_mounts(bench, plan, self.shadowed)
        say = self._say if self.verbose else None
        return tree_steps.make_tree(tree_steps.tree_steps(plan, self.shadowed), mounts, where, bench.tree, say, self.fault)

    def _say(self, step: str) -> None:
        messages.send(self.client, {"step": step})

    def attached_streams(self, name: str) -> tuple[int, ...] | None:
        """The client's streams for that container, or None when its output goes to its log."""
        return self._request.streams.get(name)

    def new_capture(self, log: str, *, again: bool) -> Capture:
        """The log of a container that starts; what it wrote when it ran before becomes the previous log."""
        if again:
            with contextlib.suppress(FileNotFoundError):
                os.replace(log, log.removesuffix(".log") + ".previous.log")
                os.unlink(f"{log}.1")
        return Capture(self.loop, LogFile(log, self._request.log_limit))

    def log_tail(self, log: str) -> bytes:
        """The end of a container's log, without the runtime's marks."""
        try:
            with open(log, "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 65536))
                lines = file.read().splitlines()[-80:]
        except OSError:
            return b""
        return b"\n".join(line.split(b" ", 3)[-1] for line in lines)

    def volume_path(self, name: str) -> str:
        """Where the volume is on the bench."""
        return self._sandbox.bench.at("volume", name)

    def read_termination_file(self, name: str) -> bytes:
        """What the container wrote into its termination log."""
        try:
            with open(self._sandbox.bench.at("file", f"termination-log.{name}"), "rb") as file:
                return file.read(LONGEST_TERMINATION_MESSAGE)
        except OSError:
            return b""

    def with_address(self, request: Message) -> Message:
        """The request with the pod's address in its environment, where the plan could not know it."""
        env = {name: value.replace(POD_IP, self.address) for name, value in request["env"].items()}
        return {**request, "env": env}

    def reap(self, pid: int, pidfd: int) -> None:
        """Collect a child that nobody asks about, when it ends."""

        def gone() -> None:
            self.loop.on_readable(pidfd, None)
            del self._children[pid]
            os.close(pidfd)
            os.waitpid(pid, 0)

        self._children[pid] = pidfd
        self.loop.on_readable(pidfd, gone)

    def collect(self) -> None:
        """End what children are left when the pod has ended."""
        for pid, pidfd in self._children.items():
            spawning.send_signal(pidfd, signal.SIGKILL)
            os.waitpid(pid, 0)

    def signalled(self) -> list[ContainerRun]:
        """The containers that a signal of the client's is for."""
        return [run for run in self.runs if run.plan.role == "app" and self.plan.run_once in ("", run.name)]

    # Telling.

    def tell(self, message: Message, descriptors: tuple[int, ...] = ()) -> None:
        """Something for the client that launched the pod."""
        messages.offer(self.client, message, descriptors)

    def note(self, text: str) -> None:
        """Something that its user should know."""
        self.tell({"note": text})

    def warn(self, text: str) -> None:
        """The same, but once."""
        if text not in self._warned:
            self._warned.add(text)
            self.tell({"warning": text})

    def detach(self) -> None:
        """It does not end with its client any more."""
        self._request.detached = True
        self.save()

    def drain(self) -> None:
        """Log what containers have written up to now."""
        for run in self.runs:
            run.drain()

    def phase(self) -> life.Phase:
        """The pod's phase."""
        if self.ending in ("DeadlineExceeded", "Evicted"):
            return "Failed"
        if self.loop.done:
            apps = [run.ended for run in self.runs if run.plan.role == "app"]
            return "Succeeded" if all(ended is not None and ended["exit_code"] == 0 for ended in apps) else "Failed"
        return life.phase_of([_standing(run) for run in self.runs])

    def status(self) -> dict[str, Any]:
        """What state.json says."""
        phase = self.phase()
        return {
            "schema_version": 1,
            "name": self.plan.name,
            "namespace": self.plan.namespace,
            "uid": self.plan.uid,
            "phase": phase,
            "reason": self.ending if self.ending in ("DeadlineExceeded", "Evicted") else "",
            "message": self.ending_message,
            "started_at": self._started_at,
            "address": self.address,
            "supervisor": os.getpid(),
            "detached": self._request.detached,
            "captured": not self._request.streams,
            "exit_code": self.outcome().get("exited") if self.loop.done else None,
            "containers": [run.status() for run in self.runs],
        }

    def _changed(self) -> None:
        """Save the state soon: a pod that lives for a moment only spares itself the writing."""
        if self._save_timer is None:
            self._save_timer = self.loop.after(SAVE_DELAY, self.save)

    def save(self) -> None:
        """Write state.json."""
        self._save_timer = None
        # A full disk costs the record of this moment, not the pod.
        with contextlib.suppress(OSError):
            self._folder.write("state.json", json.dumps(self.status(), indent=1) + "\n")

    def outcome(self) -> Message:
        """How it ended, for the client: an error, or the exit code that stands for the pod."""
        if self._error is not None:
            return self._error
        if self.plan.run_once:
            once = self._run(self.plan.run_once).ended
            code, number = (once["exit_code"], once["signal"]) if once else (137, int(signal.SIGKILL))
        else:
            code, number = self._first_failure or self._last_code()
        return {"exited": code, "signal": number, "phase": self.phase(), "reason": self.ending}

    def _last_code(self) -> tuple[int, int | None]:
        """The first code that is not 0 of containers that were stopped, else 0."""
        for run in self.runs:
            if run.plan.role == "app" and run.ended and run.ended["exit_code"]:
                return run.ended["exit_code"], run.ended["signal"]
        return 0, None


def _stopping() -> None:
    """Marks a sidecar that has been told to stop."""


def _standing(run: ContainerRun) -> life.Standing:
    final = run.ended["exit_code"] if run.ended is not None and run.waiting is None else None
    return life.Standing(run.plan.role, run.is_running, final)


def discard(process: Child) -> None:
    """A process that does not become a container after all."""
    process.end.close()
    os.close(process.pidfd)
    os.waitpid(process.pid, 0)


def stop_signal(name: str) -> int:
    """The number of a stop signal of a plan: SIGTERM, SIGRTMIN+3 or 15."""
    if name.isdecimal():
        return int(name)
    base, sign, offset = name.replace("-", "+-").partition("+")
    return int(getattr(signal, base)) + (int(offset) if sign else 0)
