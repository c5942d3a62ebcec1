"""The client's side of a foreground pod: start the supervisor, pass signals and the terminal on, wait for the end."""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ecirun import errors
from ecirun.linux import proc
from ecirun.plan.model import PodPlan
from ecirun.policy.capabilities import NAMES, NUMBERS
from ecirun.runtime import messages, state
from ecirun.runtime.supervisor import Request, give_back, supervise
from ecirun.runtime.terminal import Terminal

FORWARDED = (
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
    signal.SIGCONT,
)


class Outcome(NamedTuple):
    """How the workload ended: its exit code as a shell would give it, and the signal that ended it, if one did."""

    exit_code: int
    signal: int | None
    timed_out: bool = False


class Options(NamedTuple):
    """How to run in the foreground. `timeout` is in seconds, 0 for none."""

    stdin: bool = False
    verbose: bool = False
    timeout: float = 0


def clean_up_lost_pods(say: Callable[[str], None]) -> None:
    """Take away what pods left whose supervisor was killed."""
    for folder in state.lost_pods():
        if not folder.name.startswith("."):
            give_back(folder.name)
            say(f'pod "{folder.name}" was lost: its supervisor died; cleaned up after it')
        folder.remove()


def check_privileges(plan: PodPlan) -> None:
    """Raises HostUnsupported when this process cannot launch the plan, naming what is missing."""
    masks = proc.status_masks()
    if os.geteuid() != 0:
        raise errors.HostUnsupported(
            f"Can't run a pod as uid {os.geteuid()}: it needs root",
            hint="run it with sudo, or in a container with --privileged",
        )
    needed = {"SYS_ADMIN", "SETPCAP", "SETUID", "SETGID", "NET_ADMIN"}
    missing = [name for name in sorted(needed) if not masks["CapEff"] >> NUMBERS[name] & 1]
    if missing:
        raise errors.HostUnsupported(
            f"Can't run a pod: this process lacks {_listed(missing)}", hint=f"in docker, add --privileged or {_flags(missing)}"
        )
    for container in plan.containers:
        granted = int(container.capabilities.bounding.mask, 16)
        lacking = granted & ~masks["CapBnd"]
        if lacking:
            names = [NAMES[number] for number in sorted(NAMES) if lacking >> number & 1]
            raise errors.HostUnsupported(
                f"Can't grant container \"{container.name}\" {_listed(names)}: this host's bounding set does not have it",
                hint=f"in docker, add --privileged or {_flags(names)}; or drop it in the spec",
            )


def _listed(names: list[str]) -> str:
    return ", ".join(f"CAP_{name}" for name in names)


def _flags(names: list[str]) -> str:
    return " ".join(f"--cap-add {name}" for name in names)


class ForegroundPod:
    """A pod whose life is bound to this process."""

    def __init__(self, plan: PodPlan, options: Options, say: Callable[[str], None]) -> None:
        self.plan = plan
        self.options = options
        self.say = say
        self.started = False
        self.interrupts = 0
        self.deadlines: list[tuple[float, str]] = []
        self.timed_out = False
        self.terminal: Terminal | None = None

    def run(self) -> Outcome:
        """Launch and wait. Raises an EcirunError when the launch failed, and then nothing ran."""
        folder = state.create(self.plan.name)
        folder.write("plan.json", self.plan.as_json())
        self.supervisor, theirs = messages.channel()
        wake_read, wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        previous = signal.set_wakeup_fd(wake_write)
        old = {number: signal.signal(number, _noted) for number in self._signals()}
        pid = os.fork()
        if pid == 0:
            _be_supervisor(Request(self.plan, self.options.stdin, self.options.verbose), folder, theirs, self.supervisor)
        theirs.close()
        os.close(folder.lock)
        if self.options.timeout:
            self.deadlines.append((time.monotonic() + self.options.timeout, "timeout"))
        try:
            last = self._relay(wake_read)
        finally:
            if self.terminal:
                self.terminal.restore()
            self.supervisor.close()
            os.waitpid(pid, 0)
            signal.set_wakeup_fd(previous)
            for number, handler in old.items():
                signal.signal(number, handler)
            os.close(wake_read)
            os.close(wake_write)
            state.remove_if_empty()
        return self._outcome(last)

    def _signals(self) -> tuple[signal.Signals, ...]:
        return (*FORWARDED, signal.SIGINT, signal.SIGTERM, signal.SIGWINCH)

    def _relay(self, wake: int) -> dict[str, Any] | None:
        """Serve messages, signals, deadlines and the terminal until the supervisor has said its last."""
        last = None
        while True:
            watched = [self.supervisor.fileno(), wake, *(self.terminal.readable() if self.terminal else ())]
            ready, _, _ = select.select(watched, self.terminal.writable() if self.terminal else [], [], self._patience())
            self._keep_deadlines()
            if self.terminal:
                self.terminal.serve(set(ready))
            if wake in ready:
                for number in os.read(wake, 512):
                    self._on_signal(signal.Signals(number))
            if self.supervisor.fileno() in ready:
                message, descriptors = messages.receive(self.supervisor)
                if message is None:
                    if self.terminal:
                        self.terminal.drain()
                    return last
                if "exited" in message or "error" in message:
                    last = message
                else:
                    self._on_message(message, descriptors)

    def _on_message(self, message: dict[str, Any], descriptors: list[int]) -> None:
        if "step" in message:
            self.say(message["step"])
        elif "terminal" in message:
            self.terminal = Terminal(descriptors[0], stdin=self.options.stdin)
        elif "started" in message:
            self.started = True

    def _on_signal(self, number: signal.Signals) -> None:
        if number == signal.SIGWINCH:
            if self.terminal:
                self.terminal.resize()
            return
        if number == signal.SIGINT:
            self.interrupts += 1
            if self.interrupts > 1:
                number = signal.SIGKILL
            else:
                self.say("interrupted: sent SIGINT to the workload; press Ctrl-C again to kill it")
        if number == signal.SIGTERM:
            self.deadlines.append((time.monotonic() + self.plan.grace_period_seconds, "grace period"))
            number = _stop_signal(self.plan.containers[0].stop_signal)
        self._send(number)

    def _send(self, number: int) -> None:
        messages.send(self.supervisor, {"signal": int(number)})

    def _patience(self) -> float | None:
        if not self.deadlines:
            return None
        return max(0.0, min(when for when, _why in self.deadlines) - time.monotonic())

    def _keep_deadlines(self) -> None:
        due = [why for when, why in self.deadlines if when <= time.monotonic()]
        self.deadlines = [entry for entry in self.deadlines if entry[0] > time.monotonic()]
        if "timeout" in due:
            self.timed_out = True
            self.say(f"timed out after {self.options.timeout:g} s: killed the workload")
        elif due:
            self.say(f"still running {self.plan.grace_period_seconds} s after SIGTERM: killed the workload")
        if due:
            self._send(signal.SIGKILL)

    def _outcome(self, last: dict[str, Any] | None) -> Outcome:
        if last is None:
            raise errors.LaunchFailed("Can't say how the workload ended: its supervisor died", hint="run it again")
        if "error" in last:
            kind = getattr(errors, last["error"])
            if kind is errors.LaunchFailed:
                raise errors.LaunchFailed(last["message"], step=last["step"], hint=last["hint"])
            raise kind(last["message"], hint=last["hint"])
        return Outcome(last["exited"], last["signal"], self.timed_out)


def _be_supervisor(request: Request, folder: state.PodFolder, client: socket.socket, other: socket.socket) -> None:
    """Never returns."""
    try:
        other.close()
        signal.set_wakeup_fd(-1)
        supervise(request, folder, client)
        os._exit(0)
    finally:
        os._exit(125)


def _stop_signal(name: str) -> signal.Signals:
    try:
        return signal.Signals(int(name)) if name.isdecimal() else signal.Signals["SIG" + name.removeprefix("SIG")]
    except (KeyError, ValueError):
        return signal.SIGTERM


def _noted(_number: int, _frame: object) -> None:
    """The wakeup descriptor carries the number; the handler only keeps Python from dying of it."""
