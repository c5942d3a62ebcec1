"""The client's side of a pod in the foreground: launch it, pass signals and streams on, wait for the end."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ecirun import errors
from ecirun.plan.model import PodPlan
from ecirun.runtime import messages
from ecirun.runtime.launching import Launcher
from ecirun.runtime.messages import Message
from ecirun.runtime.prefix import Prefixer
from ecirun.runtime.terminal import Terminal

FORWARDED = (signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGCONT)
DEFAULT_LOG_LIMIT = 20 * 1024 * 1024  # bytes of each container's log


class Outcome(NamedTuple):
    """How the pod ended: an exit code as a shell would give it, and the signal that ended the workload, if one did."""

    exit_code: int
    signal: int | None
    timed_out: bool = False


class Options(NamedTuple):
    """How to run in the foreground. `timeout` in seconds, 0 for none; `focus` is the container with the terminal or stdin."""

    focus: str
    stdin: bool = False
    verbose: bool = False
    timeout: float = 0


def launch_message(
    launcher: Launcher, streams: list[str], *, detached: bool, verbose: bool, keeps_joiners: bool, log_limit: int
) -> Message:
    """What a supervisor is told with the plan."""
    return {
        "detached": detached,
        "verbose": verbose,
        "log_limit": log_limit,
        "fault": launcher.fault,
        "keeps_joiners": keeps_joiners,
        "streams": streams,
    }


def raise_error(message: Message) -> None:
    """Raise the error that another process met."""
    kind = getattr(errors, message["error"])
    if kind is errors.LaunchFailed:
        raise errors.LaunchFailed(message["message"], step=message["step"], hint=message["hint"])
    raise kind(message["message"], hint=message["hint"])


class ForegroundPod:
    """A pod whose life is bound to this process."""

    def __init__(self, launcher: Launcher, plan: PodPlan, options: Options, say: Callable[[str], None]) -> None:
        self.launcher = launcher
        self.plan = plan
        self.options = options
        self.say = say
        self.interrupts = 0
        self.deadline: float | None = time.monotonic() + options.timeout if options.timeout else None
        self.timed_out = False
        self.terminal: Terminal | None = None
        self.prefixers: list[Prefixer] = []

    def run(self) -> Outcome:
        """Launch and wait. Raises an EcirunError when the launch failed."""
        sandbox = self.launcher.take(self.plan.all_containers[0].groundwork())
        self.supervisor = sandbox.end
        wake_read, wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        previous = signal.set_wakeup_fd(wake_write)
        old = {number: signal.signal(number, _noted) for number in self._signals()}
        try:
            self._launch()
            last = self._relay(wake_read)
        finally:
            if self.terminal:
                self.terminal.restore()
            self.supervisor.close()
            signal.set_wakeup_fd(previous)
            for number, handler in old.items():
                signal.signal(number, handler)
            os.close(wake_read)
            os.close(wake_write)
        return self._outcome(last)

    def _signals(self) -> tuple[signal.Signals, ...]:
        return (*FORWARDED, signal.SIGINT, signal.SIGTERM, signal.SIGWINCH)

    def _launch(self) -> None:
        names = [container.name for container in self.plan.all_containers]
        plan = messages.in_memory(self.plan.encoded())
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        streams: list[int] = []
        for name in names:
            streams += self._streams(name, null)
        message = launch_message(
            self.launcher,
            names,
            detached=False,
            verbose=self.options.verbose,
            keeps_joiners=False,
            log_limit=DEFAULT_LOG_LIMIT,
        )
        messages.send(self.supervisor, message, (plan, *streams))
        os.close(plan)
        os.close(null)
        for prefixer in self.prefixers:
            prefixer.handed_over()

    def _streams(self, name: str, null: int) -> list[int]:
        """The only app container has this process's streams; the output of several is told apart by their names."""
        apps = [container.name for container in self.plan.containers]
        stdin = 0 if self.options.stdin and name == self.options.focus else null
        if apps == [name]:
            return [stdin, 1, 2]
        # What an init container says is not the workload's output.
        pair = [Prefixer(name, 1 if name in apps else 2), Prefixer(name, 2)]
        self.prefixers += pair
        return [stdin, *(prefixer.write_end for prefixer in pair)]

    def _relay(self, wake: int) -> Message | None:
        """Serve messages, signals, the deadline, streams and the terminal until the supervisor has said its last."""
        while True:
            reading = [self.supervisor.fileno(), wake, *(entry.read_end for entry in self.prefixers)]
            reading += self.terminal.readable() if self.terminal else []
            ready, _, _ = select.select(reading, self.terminal.writable() if self.terminal else [], [], self._patience())
            self._keep_deadline()
            if self.terminal:
                self.terminal.serve(set(ready))
            self.prefixers = [entry for entry in self.prefixers if entry.read_end not in ready or entry.show()]
            if wake in ready:
                for number in os.read(wake, 512):
                    self._on_signal(signal.Signals(number))
            if self.supervisor.fileno() in ready:
                message, descriptors = messages.receive(self.supervisor)
                if message is None or "ended" in message:
                    self._drain()
                    return message["ended"] if message else None
                self._on_message(message, descriptors)

    def _drain(self) -> None:
        if self.terminal:
            self.terminal.drain()
        for prefixer in self.prefixers:
            while prefixer.show():
                pass

    def _on_message(self, message: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        if "step" in message:
            self.say(message["step"])
        elif "note" in message:
            self.say(message["note"])
        elif "warning" in message:
            self.say(f"warning: {message['warning']}")
        elif "terminal" in message:
            self.terminal = Terminal(descriptors[0], stdin=self.options.stdin)

    def _on_signal(self, number: signal.Signals) -> None:
        if number == signal.SIGWINCH:
            if self.terminal:
                self.terminal.resize()
        elif number == signal.SIGTERM:
            messages.send(self.supervisor, {"stop": None})
        elif number == signal.SIGINT:
            self.interrupts += 1
            if self.interrupts > 1:
                messages.send(self.supervisor, {"stop": 0})
            else:
                messages.send(self.supervisor, {"signal": int(number)})
                self.say("interrupted: sent SIGINT to the workload; press Ctrl-C again to kill it")
        else:
            messages.send(self.supervisor, {"signal": int(number)})

    def _patience(self) -> float | None:
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def _keep_deadline(self) -> None:
        if self.deadline is not None and self.deadline <= time.monotonic():
            self.deadline = None
            self.timed_out = True
            self.say(f"timed out after {self.options.timeout:g} s: killed the workload")
            messages.send(self.supervisor, {"stop": 0})

    def _outcome(self, last: Message | None) -> Outcome:
        if last is None:
            raise errors.LaunchFailed("Can't say how the workload ended: its supervisor died", hint="run it again")
        if "error" in last:
            raise_error(last)
        return Outcome(last["exited"], last["signal"], self.timed_out)


def _noted(_number: int, _frame: object) -> None:
    """The wakeup descriptor carries the number; the handler only keeps Python from dying of it."""
