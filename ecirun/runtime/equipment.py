"""What a container of a pod is given when it starts: process, control group, mounts, streams, a place for its last words."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from ecirun.linux import cgroup
from ecirun.plan.model import NO_LIMITS, POD_IP, ContainerPlan, Groundwork, Limits, PodPlan, ProcessPlan
from ecirun.runtime import container_process, joiner, limits, log_reader, pod_steps, shadow, tree_steps
from ecirun.runtime.child import Child
from ecirun.runtime.logs import LogFile
from ecirun.runtime.loop import Loop, Timer
from ecirun.runtime.messages import Message
from ecirun.runtime.request import Request
from ecirun.runtime.sandbox_steps import Bench
from ecirun.runtime.state import PodFolder
from ecirun.runtime.zygote import Zygote

LONGEST_TERMINATION_MESSAGE = 4096
ZYGOTE_STAYS = 3.0  # seconds
LOG_TAIL_LINES = 80
LOG_TAIL = 2048
LOG_TAIL_READ = 65536  # with the marks of all those lines


class Sandbox:
    """What a supervisor has made ahead: the bench, and one process that can become a container, probably the `expected` one."""

    def __init__(
        self, bench: Bench, zygote: Zygote, groundwork: Groundwork, process: Child | None, expected: ProcessPlan | None = None
    ) -> None:
        self.bench = bench
        self.zygote = zygote
        self.groundwork = groundwork
        self.process = process
        self.expected = expected


class Equipment:
    """All that the containers of one pod draw on."""

    def __init__(
        self, plan: PodPlan, request: Request, sandbox: Sandbox, folder: PodFolder, loop: Loop, say: Callable[[str], None]
    ) -> None:
        self.plan = plan
        self.window = request.window
        self.request = request
        self.fault = request.fault
        self.verbose = request.verbose
        self.null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        self.shadowed = shadow.shadowed(plan.sysctls)
        self.chosen_address = sandbox.bench.address  # empty where the plan knows it
        self.address = plan.network.address.replace(POD_IP, self.chosen_address)
        self._sandbox = sandbox
        self.folder = folder
        self._loop = loop
        self._say = say if request.verbose else None
        self._rest: Timer | None = None

    @property
    def pause(self) -> int:
        """A pidfd of pause, -1 where processes are not shared."""
        pause = self._sandbox.bench.pause
        return pause.pidfd if pause else -1

    @property
    def _zygote(self) -> Zygote:
        """The zygote, which does not stay when there is nothing to fork."""
        if self._rest:
            self._rest.cancel()
        self._rest = self._loop.after(ZYGOTE_STAYS, self._sandbox.zygote.rest)
        return self._sandbox.zygote

    def take_process(self, plan: ContainerPlan, group: cgroup.Group | None) -> tuple[Child, cgroup.Group | None]:
        """A process for a container, in its group: the one that was made ahead, when it fits, else a new one."""
        groundwork, zygote = plan.groundwork(), self._zygote
        ahead, self._sandbox.process = self._sandbox.process, None
        if ahead is not None and groundwork == self._sandbox.groundwork:
            return ahead, self._sandbox.bench.first_group
        if ahead is not None:
            discard(ahead)
        if group is None:
            group = self._sandbox.bench.groups.new()
        new = container_process.start(zygote, self._sandbox.bench.namespaces, groundwork, group, self.fault)
        if group is not None:
            cgroup.add(group, new.pid)
        container_process.introduce(new.end, plan.process(), verbose=self.verbose, fault=self.fault)
        return new, group

    def new_joiner(self, plan: ContainerPlan, container: int, group: cgroup.Group | None) -> Child:
        """A process that has joined the container, whose PID 1 the pidfd `container` refers to, in its group."""
        return joiner.start(self._zygote, container, plan.process(), group)

    def tree_in_the_making(
        self, plan: ContainerPlan, where: int, streams: tuple[int, ...]
    ) -> contextlib.AbstractContextManager[tree_steps.Bench]:
        """Make the container's tree in the mount namespace `where`; see `tree_steps.tree_in_the_making`."""
        bench = self._sandbox.bench
        mounts = pod_steps.open_mounts(bench, plan, self.shadowed)
        steps = tree_steps.tree_steps(plan, self.shadowed)
        made = tree_steps.Bench(mounts, streams)
        return tree_steps.tree_in_the_making(steps, made, where, bench.tree, self._say, self.fault)

    def attached_streams(self, name: str) -> tuple[int, ...] | None:
        """The client's streams for that container, or None when its output goes to its log."""
        return self.request.streams.get(name)

    def log_of(self, name: str) -> str:
        """The path of a container's log."""
        return f"{self.folder.path}/log/{name}.log"

    def new_log(self, name: str, *, again: bool) -> LogFile:
        """The log of a container that starts; what it wrote when it ran before becomes the previous log."""
        log = self.log_of(name)
        previous = log.removesuffix(".log") + ".previous.log"
        if again:
            for end in (".1", ""):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(previous + end)
                with contextlib.suppress(FileNotFoundError):
                    os.replace(log + end, previous + end)
            with contextlib.suppress(OSError):  # it ran before, even if it said nothing
                os.makedirs(os.path.dirname(log), 0o700, exist_ok=True)
                os.close(os.open(previous, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        return LogFile(log, self.request.log_limit)

    def limit(self, group: cgroup.Group | None, wanted: Limits, warn: Callable[[str], None]) -> None:
        """Write a container's limits, but for those that its group has already. Raises LaunchFailed."""
        bench = self._sandbox.bench
        limits.apply(group, wanted, warn, bench.first_limits if group is bench.first_group else NO_LIMITS)

    def log_tail(self, name: str) -> bytes:
        """The last words of a container's output."""
        entries = log_reader.last_lines(log_reader.end_of(self.log_of(name), LOG_TAIL_READ), LOG_TAIL_LINES)
        return b"".join(entry.data + (b"\n" if entry.whole else b"") for entry in entries)[-LOG_TAIL:]

    def volume_path(self, name: str) -> str:
        """Where the volume is on the bench."""
        return self._sandbox.bench.at("volume", name)

    def clear_termination_file(self, name: str) -> None:
        """A container that starts again has said nothing yet."""
        with contextlib.suppress(OSError):
            os.truncate(self._termination_file(name), 0)

    def read_termination_file(self, name: str) -> bytes:
        """The end of what the container wrote into its termination log."""
        path = self._termination_file(name)
        try:
            size = os.stat(path).st_size
            if size == 0:  # as nearly always
                return b""
            with open(path, "rb") as file:
                file.seek(max(0, size - LONGEST_TERMINATION_MESSAGE))
                return file.read(LONGEST_TERMINATION_MESSAGE)
        except OSError:
            return b""

    def _termination_file(self, name: str) -> str:
        return self._sandbox.bench.at("file", f"termination-log.{name}")

    def with_address(self, request: Message) -> Message:
        """The request with the pod's address in its environment, where the plan could not know it."""
        if not self.chosen_address:
            return request
        env = {name: value.replace(POD_IP, self.chosen_address) for name, value in request["env"].items()}
        return {**request, "env": env}


def discard(process: Child) -> None:
    """A process that does not become a container after all."""
    process.end.close()
    process.collect()
