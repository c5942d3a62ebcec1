"""Talking to a pod that runs already, through the control socket in its folder."""

from __future__ import annotations

import contextlib
import os
import select
import signal

from ecirun.errors import EcirunError, LaunchFailed, NotRunning, PodNotFound
from ecirun.linux import sockets
from ecirun.linux.sockets import Socket
from ecirun.runtime import messages, state
from ecirun.runtime.client import Outcome, raise_error
from ecirun.runtime.messages import Message
from ecirun.runtime.relay import Relay
from ecirun.runtime.streams import Streams
from ecirun.runtime.terminal import window_size

# Seconds until a supervisor counts as one that hangs: when it should have read a request, and have ended a killed pod.
HEARS_WITHIN = 10.0
ENDS_WITHIN = 60.0


def find(name: str, root: str = state.STATE) -> state.PodRecord:
    """The pod of that name. Raises PodNotFound."""
    record = state.read(root, name)
    if record is None:
        there = ", ".join(state.names(root))
        raise PodNotFound(
            f'Can\'t find pod "{name}"', hint=f"choose one of: {there}" if there else "start one with `ecirun run -d`"
        )
    return record


def connect(name: str, root: str = state.STATE) -> Socket:
    """A connection to the pod's supervisor. Raises PodNotFound or NotRunning."""
    record = find(name, root)
    try:
        folder = os.open(f"{root}/{name}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return sockets.connect(folder, state.CONTROL)
        finally:
            os.close(folder)
    except OSError:
        phase = "lost" if record.lost else record.state.get("phase", "ended").lower()
        raise NotRunning(f'Can\'t reach pod "{name}": it has ended ({phase})', hint=f"see `ecirun inspect {name}`") from None


def begin_exec(end: Socket, request: Message, streams: tuple[int, int, int]) -> Socket:
    """Ask for a program in a container; what becomes of it is heard at the socket that is returned."""
    status, theirs = sockets.pair()
    messages.send(end, {"exec": {**request, "window": window_size()}}, (theirs.fileno(), *streams))
    theirs.close()
    return status


class ForegroundExec:
    """A program in a running container, with this process's streams."""

    def __init__(self, end: Socket, request: Message, *, stdin: bool) -> None:
        self.supervisor = end
        self.request = request
        self.stdin = stdin
        self.last: Message | None = None

    def run(self) -> Outcome:
        """Execute and wait. Raises an EcirunError when the program did not run."""
        with Relay(self._on_message, self._on_signal) as self.relay:
            terminal = self.request["terminal"]
            own = Streams(stdin=self.stdin and not terminal)
            given = (own.null,) * 3 if terminal else (own.stdin, own.stdout, own.stderr)
            status = begin_exec(self.supervisor, self.request, given)
            own.handed_over()
            self.relay.serve(own)
            self.relay.run(status)
            own.close()
        if self.last is None:
            raise LaunchFailed("Can't say how the program ended: its pod ended first", hint="see `ecirun ps`")
        if "error" in self.last:
            raise_error(self.last)
        own.check()
        return Outcome(self.last["exited"], self.last["signal"])

    def _on_message(self, message: Message, descriptors: tuple[int, ...]) -> bool:
        if "terminal" in message:
            self.relay.open_terminal(descriptors[0], stdin=self.stdin)
        elif "exited" in message or "error" in message:
            self.last = message
            return True
        return False

    def _on_signal(self, number: signal.Signals) -> None:
        messages.send(self.relay.end, {"signal": int(number)})


def stop(name: str, grace: float | None) -> None:
    """Stop the pod and wait for its end; `grace` in seconds, None for the pod's own.

    Raises PodNotFound, NotRunning, and EcirunError when nobody listens.
    """
    with contextlib.closing(connect(name)) as end:
        messages.send(end, {"stop": grace, "wait": True})
        if not select.select([end], [], [], HEARS_WITHIN)[0]:
            raise EcirunError(
                f'Can\'t stop pod "{name}": its supervisor does not answer', hint=f"end it with `ecirun rm -f {name}`"
            )
        wait(end)


def kill(name: str) -> None:
    """End the pod at once, even if its supervisor hangs; one that has ended is fine."""
    try:
        end = connect(name)
    except (NotRunning, PodNotFound):
        return
    messages.send(end, {"stop": 0, "wait": True})
    patience = HEARS_WITHIN
    # The supervisor's end is the end of its lock, and only then the folder is nobody's.
    while select.select([end], [], [], patience)[0]:
        if messages.receive(end)[0] is None:
            end.close()
            return
        patience = ENDS_WITHIN
    _kill_supervisor(name, end)


def _kill_supervisor(name: str, end: Socket) -> None:
    """Kill the process at the other end; the kernel ends all that came of it, and then this returns."""
    try:
        pidfd = os.pidfd_open(sockets.peer(end))
    except OSError:
        raise EcirunError(
            f'Can\'t end pod "{name}": its supervisor does not answer, and cannot be seen from here',
            hint="end it where it was started",
        ) from None
    # As long as the other end is open, the pid is that of the process that opened it.
    if messages.send(end, {}):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        select.select([pidfd], [], [])
    os.close(pidfd)
    end.close()


def until_gone(end: Socket) -> None:
    """Wait until the supervisor's process has ended, and with it its lock."""
    while messages.receive(end)[0] is not None:
        pass
    end.close()


def wait(end: Socket) -> Message | None:
    """Wait for the pod's end (the request must have been sent); None when its supervisor died."""
    while True:
        message, _descriptors = messages.receive(end)
        if message is None:
            return None
        if "ended" in message:
            ended: Message = message["ended"]
            return ended
