"""The client's side of a launch: in the foreground until the pod's end, or detached until it runs."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from ecirun import errors
from ecirun.plan.model import RUNS_ONCE, ContainerPlan, Groundwork, PodPlan, encode
from ecirun.record import Record
from ecirun.runtime import messages
from ecirun.runtime.launching import Sandbox
from ecirun.runtime.messages import Message
from ecirun.runtime.places import Places
from ecirun.runtime.prefix import Prefixer, Target
from ecirun.runtime.relay import Relay
from ecirun.runtime.streams import Streams
from ecirun.runtime.terminal import window_size

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Any, Protocol

    class HasSandboxes(Protocol):
        """A launcher, or what stands before one."""

        fault: tuple[str, str]

        @property
        def ready(self) -> bool:
            """Whether it is started."""
            ...

        def take(self, groundwork: Groundwork) -> Sandbox:
            """A sandbox with that groundwork."""
            ...


DEFAULT_LOG_LIMIT = 20 * 1024 * 1024  # bytes of each container's log


class Outcome(Record):
    """How the pod ended: an exit code as a shell would give it, and the signal that ended the workload, if one did."""

    exit_code: int
    signal: int | None
    timed_out: bool = False


class Options(Record):
    """How to run. `timeout` in seconds, 0 for none; `focus` is the container with the terminal or stdin; `log_limit` in bytes.

    `keeps_joiners` is for clients that will execute more: it costs memory and saves time.
    """

    focus: str = ""
    stdin: bool = False
    verbose: bool = False
    timeout: float = 0
    detached: bool = False
    keeps_joiners: bool = False
    log_limit: int = DEFAULT_LOG_LIMIT


def raise_error(message: Message) -> None:
    """Raise the error that another process met."""
    __tracebackhide__ = True  # a report of pytest's shows the caller's line
    kind = getattr(errors, message["error"])
    if issubclass(kind, errors.LaunchFailed):
        raise kind(message["message"], step=message["step"], hint=message["hint"])
    raise kind(message["message"], hint=message["hint"])


class Reservation:
    """A sandbox for a pod whose plan is not made yet: it is asked about sysctls meanwhile. `with` gives it back if unused."""

    def __init__(self, launcher: HasSandboxes, usual: Groundwork) -> None:
        self.launcher = launcher
        self.usual = usual
        self._sandbox: Sandbox | None = None

    def __enter__(self) -> Reservation:
        return self

    def __exit__(self, *_reason: object) -> None:
        if self._sandbox is not None:
            self._sandbox.end.close()

    def probe(self, paths: list[str]) -> dict[str, tuple[str, str | None]]:
        """What its namespaces make of sysctls. Raises OSError or LaunchFailed."""
        if self._sandbox is None:
            self._sandbox = self.launcher.take(self.usual)
        return self._sandbox.probe(paths)

    def take(self, groundwork: Groundwork) -> Sandbox:
        """The sandbox, for a pod that begins with that groundwork. Raises LaunchFailed."""
        held, self._sandbox = self._sandbox, None
        if held is not None and held.groundwork == groundwork:
            return held
        if held is not None:
            held.end.close()
        return self.launcher.take(groundwork)


def launch(
    reservation: Reservation, plan: PodPlan, options: Options, streams: dict[str, list[int]], common: bytes = b""
) -> tuple[Sandbox, Places]:
    """Hand the plan to a supervisor. What is heard of it comes through the sandbox's end. Raises LaunchFailed.

    `common` is as for `encode`.
    `streams` are this process's descriptors for containers whose output does not go to a log. Of the places the scratch
    folder is the supervisor's from here on, but the caller removes it when the supervisor could not.
    """
    sandbox = reservation.take(plan.all_containers[0].groundwork())
    try:
        places = Places(plan)
    except BaseException:
        sandbox.end.close()
        raise
    message = {
        "detached": options.detached,
        "verbose": options.verbose,
        "window": window_size() if any(container.command.terminal for container in plan.all_containers) else (),
        "log_limit": options.log_limit,
        "fault": reservation.launcher.fault,
        "keeps_joiners": options.keeps_joiners,
        "streams": list(streams),
        "places": list(places.mounts),
        "scratch": places.scratch >= 0,
    }
    flat = [descriptor for three in streams.values() for descriptor in three]
    try:
        messages.send(sandbox.end, {"launch": message}, (*flat, *places.descriptors), encode(plan, common))
    except OSError:
        sandbox.end.close()
        places.remove_scratch()
        raise
    finally:
        places.close()
    return sandbox, places


class ForegroundPod:
    """A pod whose life is bound to this process."""

    def __init__(self, reservation: Reservation, plan: PodPlan, options: Options, say: Callable[[str], None]) -> None:
        self.reservation = reservation
        self.plan = plan
        self.options = options
        self.say = say
        self.interrupts = 0
        self.timed_out = False
        self.last: Message | None = None
        self._targets = Target(1), Target(2)

    def run(self) -> Outcome:
        """Launch and wait. Raises an EcirunError when the launch failed."""
        with Relay(self._on_message, self._on_signal) as self.relay:
            sandbox, places = self._launch()
            try:
                if self.options.timeout:
                    self.relay.at(self.options.timeout, self._time_is_over)
                self.relay.run(sandbox.end)
            finally:
                places.remove_scratch()
                self.own.close()
        return self._outcome()

    def _launch(self) -> tuple[Sandbox, Places]:
        prefixers: list[Prefixer] = []
        focus = next(container for container in self.plan.all_containers if container.name == self.options.focus)
        # What is typed goes to the container's terminal, if it has one, by another way.
        self.own = own = Streams(stdin=self.options.stdin and not focus.command.terminal)
        streams = {container.name: self._streams(container, own, prefixers) for container in self.plan.all_containers}
        try:
            launched = launch(self.reservation, self.plan, self.options, streams)
        except BaseException:
            own.close()
            raise
        finally:
            own.handed_over()
            for prefixer in prefixers:
                prefixer.handed_over()
        self.relay.shown += prefixers
        self.relay.serve(own)
        return launched

    def _streams(self, container: ContainerPlan, own: Streams, prefixers: list[Prefixer]) -> list[int]:
        """The only app container has this process's streams; the output of several is told apart by their names."""
        name = container.name
        apps = [app.name for app in self.plan.containers]
        if container.command.terminal:
            return [own.null] * 3  # in their place it gets a terminal of its own
        stdin = own.stdin if name == self.options.focus else own.null
        if apps == [name]:
            return [stdin, own.stdout, own.stderr]
        # What an init container says is not the workload's output.
        stdout, stderr = self._targets
        pair = [Prefixer(name, stdout if name in apps else stderr), Prefixer(name, stderr)]
        prefixers += pair
        return [stdin, *(prefixer.write_end for prefixer in pair)]

    def _on_message(self, message: dict[str, Any], descriptors: tuple[int, ...]) -> bool:
        if "ended" in message:
            self.last = message["ended"]
            return True
        if "step" in message:
            self.say(message["step"])
        elif "note" in message:
            self.say(message["note"])
        elif "warning" in message:
            self.say(f"warning: {message['warning']}")
        elif "terminal" in message:
            self.relay.open_terminal(descriptors[0], stdin=self.options.stdin)
        return False

    def _on_signal(self, number: signal.Signals) -> None:
        if number == signal.SIGTERM:
            messages.send(self.relay.end, {"stop": None})
        elif number == signal.SIGINT:
            self.interrupts += 1
            if self.interrupts > 1:
                messages.send(self.relay.end, {"stop": 0})
            else:
                messages.send(self.relay.end, {"signal": int(number)})
                self.say("interrupted: sent SIGINT to the workload; press Ctrl-C again to kill it")
        else:
            messages.send(self.relay.end, {"signal": int(number)})

    def _time_is_over(self) -> None:
        self.timed_out = True
        self.say(f"timed out after {self.options.timeout:g} s: killed the workload")
        messages.send(self.relay.end, {"stop": 0})

    def _outcome(self) -> Outcome:
        if self.last is None:
            raise errors.LaunchFailed("Can't say how the workload ended: its supervisor died", hint="run it again")
        if "error" in self.last:
            raise_error(self.last)
        self.own.check()
        if self.plan.restart_origin == RUNS_ONCE and self.last["reason"] in ("Completed", "Error"):
            self._say_to_people("ran once: restartPolicy is not set; Kubernetes would start it again")
        return Outcome(self.last["exited"], self.last["signal"], self.timed_out)

    def _say_to_people(self, text: str) -> None:
        """What is worth knowing, but not worth a line in every log of a test."""
        if self.options.verbose or os.isatty(2):
            self.say(text)


def launch_detached(reservation: Reservation, plan: PodPlan, options: Options, say: Callable[[str], None]) -> None:
    """Launch and return when the first container runs; the pod stays. Raises an EcirunError when it did not start."""
    sandbox, places = launch(reservation, plan, options, {})
    try:
        while True:
            message, _descriptors = messages.receive(sandbox.end)
            if message is None:
                places.remove_scratch()
                raise errors.LaunchFailed("Can't start the pod: its supervisor died", hint="run it again")
            if "started" in message:
                return
            if "ended" in message:
                if "error" in message["ended"]:
                    raise_error(message["ended"])
                return
            if "step" in message or "note" in message:
                say(message.get("step") or message["note"])
            elif "warning" in message:
                say(f"warning: {message['warning']}")
    finally:
        sandbox.end.close()
