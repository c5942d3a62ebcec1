"""One container as its supervisor sees it: started, heard from, ended, and what there is to say about it."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable
from functools import partial

from ecirun.errors import EcirunError, LaunchFailed
from ecirun.linux import cgroup, proc, sockets
from ecirun.plan.model import ContainerPlan
from ecirun.runtime import container_process, life, limits, messages, spawning
from ecirun.runtime.child import Child
from ecirun.runtime.container_process import Orders
from ecirun.runtime.events import now
from ecirun.runtime.logs import Capture
from ecirun.runtime.loop import Timer
from ecirun.runtime.messages import Message

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Any

    from ecirun.runtime import tree_steps
    from ecirun.runtime.ending import Termination
    from ecirun.runtime.pod_run import PodRun

JOINER_STAYS = 3.0  # seconds


class ContainerRun:
    """One container of a pod that runs."""

    def __init__(self, pod: PodRun, plan: ContainerPlan) -> None:
        self.pod = pod
        self.plan = plan
        self.id = ""  # new for each start
        self.waiting: tuple[str, str] | None = ("PodInitializing" if plan.role == "app" else "ContainerCreating", "")
        self.running_since: float | None = None
        self.ended: dict[str, Any] | None = None
        self.last: dict[str, Any] | None = None
        self.restarts = 0
        self.ready = False
        self.started = False  # its startup probe, if it has one, has succeeded
        self.has_started = False  # the same, now or earlier
        self.was_begun = False  # somebody has tried to start it
        self.has_run = False
        self.backoff = life.Backoff()
        self.process: Child | None = None
        self.group: cgroup.Group | None = None
        self.joiner: Child | None = None
        self._idle: Timer | None = None  # until the joiner goes
        self.termination: Termination | None = None  # once it is being ended
        self.on_end: list[Callable[[], None]] = []  # whoever depends on this run of it, such as its probes
        self._tree = -1  # its mount namespace
        self._may_execute = False
        self._workload = -1  # a pidfd, where it is not the process itself that became the program
        self._how: Message | None = None
        self._capture: Capture | None = None
        self._error: Message | None = None
        self._started_wall = ""
        self._oom_kills = 0

    @property
    def name(self) -> str:
        """The container's name."""
        return self.plan.name

    @property
    def is_running(self) -> bool:
        """Whether its program runs."""
        return self.running_since is not None

    @property
    def has_just_ended(self) -> bool:
        """Whether its process has ended and nobody has looked yet."""
        return self.process is not None and bool(select.select([self.target], [], [], 0)[0])

    @property
    def is_busy(self) -> bool:
        """Whether it has a process, running or about to."""
        return self.process is not None

    @property
    def final_code(self) -> int | None:
        """Its exit code once it has ended and will not start again."""
        return self.ended["exit_code"] if self.ended is not None and self.waiting is None else None

    @property
    def standing(self) -> life.Standing:
        """What the pod's phase must know of it."""
        begun = self.has_started if self.plan.role == "sidecar" else self.has_run
        return life.Standing(self.plan.role, begun, self.final_code)

    def start(self) -> None:
        """Give a process what it needs to become this container. What becomes of it is heard later.

        Raises OSError or EcirunError; then `could_not_start` has to be told.
        """
        equipment = self.pod.equipment
        if self.ended is not None:
            self.last, self.ended = self.ended, None
            self.restarts += 1
            equipment.clear_termination_file(self.name)
        self.was_begun = True
        self.id = os.urandom(32).hex()
        self.waiting = ("ContainerCreating", "")
        self._error = None
        self._may_execute = False
        self.process, self.group = equipment.take_process(self.plan, self.group)
        if self.group is not None:
            self._oom_kills = limits.oom_kills(self.group) if self.restarts else 0
        self.pod.loop.on_readable(self.process.end.fileno(), self._heard)

    def _staged(self, child: Child, tree: int) -> None:
        """Its process is ready: make its tree, tell it to go on there, and at last that nothing is missing any more."""
        # The process shall not be kept from ending by having to take down its tree.
        self._tree = os.dup(tree)
        try:
            with self.pod.equipment.tree_in_the_making(self.plan, tree, self._streams()) as made:
                self._give_orders(child, made)
            self.pod.equipment.limit(self.group, self.plan.limits, self.pod.warn)
            if self._capture:
                self._capture.into(self.pod.equipment.new_log(self.name, again=self.restarts > 0))
            # Nothing may fail from here on.
            self._may_execute = container_process.let_execute(child.end)
        except (OSError, EcirunError) as error:
            self._error = container_process.error_message(error)
            child.end.shutdown(sockets.SHUT_WR)

    def _streams(self) -> tuple[int, ...]:
        """The client's, or pipes into its log."""
        attached = self.pod.equipment.attached_streams(self.name)
        if attached is not None:
            return attached
        self._capture = Capture(self.pod.loop)
        return (self.pod.equipment.null, *self._capture.write_ends)

    def _give_orders(self, child: Child, made: tree_steps.Bench) -> None:
        equipment = self.pod.equipment
        orders = Orders(
            streams=tuple(made.streams),
            directory=made.directory,
            program=made.program,
            address=equipment.chosen_address,
            window=equipment.window,
            pause=equipment.pause,
        )
        container_process.give_orders(child.end, orders)
        if self._capture:
            self._capture.handed_over()

    def _heard(self) -> None:
        assert self.process is not None
        message, descriptors = messages.receive(self.process.end)
        if message is not None and "error" in message:
            self._error = message
        elif message is not None and "staged" in message:
            self._staged(self.process, descriptors[0])
        elif message is not None and "spawned" in message:
            self._workload = os.dup(descriptors[0])
            self._runs()
        elif message is not None and "exited" in message:
            self._how = message
        elif message is not None:
            self.pod.tell(message, descriptors)
        else:
            self.pod.loop.on_readable(self.process.end.fileno(), None)
            self.process.end.close()
            if not self._may_execute and not self._error:
                killed = LaunchFailed(f'Can\'t start container "{self.name}": its process was killed', step="stage")
                self._error = container_process.error_message(killed)
            if self._error:
                self._did_not_start()
            elif not self.is_running:
                self._runs()
        for descriptor in descriptors:
            os.close(descriptor)

    def _runs(self) -> None:
        assert self.process is not None
        self.waiting = None
        self.has_run = True
        self.running_since = self.pod.loop.now()
        self._started_wall = now()
        self.pod.loop.on_readable(self.process.pidfd, self._exited)
        self.pod.container_runs(self)
        self._needs_no_keeper()

    def _needs_no_keeper(self) -> None:
        """What was in its process's memory before, nobody needs any more."""
        assert self.process is not None
        if self.process.keeper is not None:
            self.pod.take_keeper(self.process.keeper)
            self.process = self.process._replace(keeper=None)

    def could_not_start(self, error: Message) -> None:
        """What `start` raised: whatever there is of it goes."""
        if self.process is not None:
            self.pod.loop.on_readable(self.process.end.fileno(), None)
            self.process.end.close()
            self.kill()
        self._error = error
        self._did_not_start()

    def _did_not_start(self) -> None:
        assert self._error is not None
        error = self._error
        if self.process is not None:
            os.waitpid(self.process.pid, 0)
            self._needs_no_keeper()
            self._let_go()
        self._started_wall = now()
        self.ended, self.waiting = self._terminated(128, None, "StartError", error["message"]), None
        self.pod.container_did_not_start(self, error)

    def _exited(self) -> None:
        assert self.process is not None
        assert self.running_since is not None
        self.pod.loop.on_readable(self.process.pidfd, None)
        how = spawning.exit_message(os.waitpid(self.process.pid, 0)[1])
        how = self._how or how
        ran_for = self.pod.loop.now() - self.running_since
        out_of_memory = self._ran_out_of_memory(how["exited"])
        self._let_go()
        code = 137 if out_of_memory and how["exited"] == 0 and self.plan.role == "init" else how["exited"]
        text = self._termination_message(code)
        self.ended = self._terminated(code, how["signal"], life.reason_of(code, out_of_memory=out_of_memory), text)
        self.pod.container_ended(self, ran_for)

    def _ran_out_of_memory(self, code: int) -> bool:
        if self.group is None or (code == 0 and self.plan.limits.memory is None):
            return False
        return limits.oom_kills(self.group) > self._oom_kills

    def drain(self) -> None:
        """Log what it has written up to now."""
        if self._capture:
            self._capture.drain()

    def _let_go(self) -> None:
        """Its process is gone: nothing that served it is needed any more."""
        assert self.process is not None
        os.close(self.process.pidfd)
        if self._tree >= 0:
            self.pod.loop.after(0, partial(os.close, self._tree))
            self._tree = -1
        if self.plan.shared_processes:
            self._end_shared()
        self.process = None
        self.running_since = None
        self.ready = self.started = False
        self.termination = None
        if self._capture:
            self._capture.finish()
            self._capture = None
        self._drop_joiner()
        callbacks, self.on_end = self.on_end, []
        for callback in callbacks:
            callback()

    def _end_shared(self) -> None:
        """Nothing else ends what a container leaves behind in a PID namespace that is not its own."""
        assert self.process is not None
        self.pod.loop.on_readable(self.process.end.fileno(), None)
        self.process.end.close()
        if self._workload >= 0:
            spawning.send_signal(self._workload, signal.SIGKILL)
            os.close(self._workload)
        self._workload, self._how = -1, None
        if self.group is not None:
            cgroup.kill(self.group)

    def _terminated(self, code: int, number: int | None, reason: str, text: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "exit_code": code,
            "signal": number,
            "reason": reason,
            "message": text,
            "started_at": self._started_wall,
            "finished_at": now(),
        }

    def _termination_message(self, code: int) -> str:
        text = self.pod.equipment.read_termination_file(self.name)
        if not text and code != 0 and self.plan.termination_message_policy == "FallbackToLogsOnError":
            text = self.pod.equipment.log_tail(self.name)
        return text.decode(errors="replace")

    def will_not_start_again(self) -> None:
        """The pod has ended before its back-off did."""
        if self.ended is not None:
            self.waiting = None

    def signal(self, number: int) -> None:
        """Send a signal to its PID 1."""
        if self.process is not None:
            spawning.send_signal(self.target, number)

    @property
    def target(self) -> int:
        """A pidfd of its program's process, or of the process that is to become it."""
        assert self.process is not None
        return self._workload if self._workload >= 0 else self.process.pidfd

    def kill(self) -> None:
        """End it at once, and who waits to execute in it meanwhile."""
        self.signal(signal.SIGKILL)
        self._drop_joiner()

    def execute(self, request: Message, descriptors: tuple[int, ...]) -> None:
        """Run a further program in it; `descriptors` are where its end is told, and its streams."""
        spare, self.joiner = self.joiner, None
        if self._idle:
            self._idle.cancel()
        used = spare or self.new_joiner()
        request = {**request, "env": {**self.plan.command.env, **request.get("more_env", {})}}
        messages.send(used.end, self.pod.equipment.with_address(request), descriptors)
        if self.pod.keeps_joiners:
            self.pod.loop.on_readable(used.end.fileno(), lambda: self._joiner_is_free(used))
        else:
            used.end.close()

    def _joiner_is_free(self, used: Child) -> None:
        self.pod.loop.on_readable(used.end.fileno(), None)
        message, _descriptors = messages.receive(used.end)
        if message is not None and self.is_running and self.joiner is None:
            self._keep_joiner(used)
        else:
            used.end.close()

    def prepare_joiner(self) -> None:
        """Have a process ready for the first exec."""
        if self.is_running and self.joiner is None:
            self._keep_joiner(self.new_joiner())

    def _keep_joiner(self, spare: Child) -> None:
        """For the next exec, unless that is long in coming."""
        self.joiner = spare
        self._idle = self.pod.loop.after(JOINER_STAYS, self._drop_joiner)

    def _drop_joiner(self) -> None:
        if self.joiner:
            self.joiner.end.close()
            self.joiner = None

    def new_joiner(self) -> Child:
        """A process that has joined this container."""
        new = self.pod.equipment.new_joiner(self.plan, self.target, self.group)
        self.pod.reap(new.pid, new.pidfd)
        return new

    def status(self) -> dict[str, Any]:
        """What state.json says of it."""
        if self.ended is not None and self.waiting is None:
            state: dict[str, Any] = {"terminated": self.ended}
        elif self.is_running:
            state = {"running": {"started_at": self._started_wall}}
        else:
            reason, text = self.waiting or ("ContainerCreating", "")
            state = {"waiting": {"reason": reason, "message": text}}
        return {
            "name": self.name,
            "role": self.plan.role,
            "image": self.plan.image,
            "image_digest": self.plan.image_digest,
            "state": state,
            "last_state": {"terminated": self.last} if self.last else {},
            "restart_count": self.restarts,
            "ready": self.ready,
            "started": self.started,
            "id": self.id,
            "pid": proc.pid_of(self.target) if self.is_running else None,
            "cgroup": dict(self.group.folders) if self.group else {},
        }
