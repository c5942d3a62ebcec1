"""What a command in the foreground does while something runs: pass signals, a terminal and messages on, until the last one."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable

from ecirun.linux.sockets import Socket
from ecirun.runtime import messages
from ecirun.runtime.messages import Message
from ecirun.runtime.prefix import Prefixer
from ecirun.runtime.streams import Input, Output, Streams
from ecirun.runtime.terminal import Terminal

FORWARDED = (signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGCONT)
HANDLED = (*FORWARDED, signal.SIGINT, signal.SIGTERM, signal.SIGWINCH)


class Relay:
    """Serves one socket. `on_message` gets each message and tells whether it was the last, `on_signal` each signal.

    It is entered before there is anything to serve: what runs then may be signalled as soon as it says so.
    """

    end: Socket

    def __init__(
        self, on_message: Callable[[Message, tuple[int, ...]], bool], on_signal: Callable[[signal.Signals], None]
    ) -> None:
        self.on_message = on_message
        self.on_signal = on_signal
        self.terminal: Terminal | None = None
        self.shown: list[Prefixer | Output] = []
        self.input: Input | None = None
        self._deadline: tuple[float, Callable[[], None]] | None = None

    def __enter__(self) -> Relay:
        """From here on signals are the relay's."""
        self._wake, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._previous = signal.set_wakeup_fd(self._wake_write)
        self._old = {number: signal.signal(number, _noted) for number in HANDLED}
        return self

    def __exit__(self, *_reason: object) -> None:
        if self.terminal:
            self.terminal.restore()
        signal.set_wakeup_fd(self._previous)
        for number, handler in self._old.items():
            signal.signal(number, handler)
        os.close(self._wake)
        os.close(self._wake_write)

    def at(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back once, that much later."""
        self._deadline = time.monotonic() + seconds, callback

    def open_terminal(self, descriptor: int, *, stdin: bool) -> None:
        """Join this process's terminal with the container's."""
        self.terminal = Terminal(descriptor, stdin=stdin)

    def serve(self, streams: Streams) -> None:
        """Pass on what the workload reads and writes through this process."""
        self.shown += streams.outputs
        self.input = streams.input

    def run(self, end: Socket) -> None:
        """Until the last message, or the end of the socket, which is then closed."""
        self.end = end
        while not self._turn():
            pass
        end.close()
        if self.terminal:
            self.terminal.drain()
        for entry in self.shown:
            while entry.show():
                pass

    def _turn(self) -> bool:
        reading = [self.end.fileno(), self._wake, *(entry.read_end for entry in self.shown)]
        writing: list[int] = []
        for other in (self.terminal, self.input):
            if other:
                reading += other.readable()
                writing += other.writable()
        ready, _, _ = select.select(reading, writing, [], self._patience())
        if self._deadline and self._deadline[0] <= time.monotonic():
            callback, self._deadline = self._deadline[1], None
            callback()
        if self.terminal:
            self.terminal.serve(set(ready))
        if self.input:
            self.input.serve(set(ready))
        self.shown = [entry for entry in self.shown if entry.read_end not in ready or entry.show()]
        if self._wake in ready:
            for number in os.read(self._wake, 512):
                self._signalled(signal.Signals(number))
        if self.end.fileno() not in ready:
            return False
        message, descriptors = messages.receive(self.end)
        return message is None or self.on_message(message, descriptors)

    def _signalled(self, number: signal.Signals) -> None:
        if number != signal.SIGWINCH:
            self.on_signal(number)
        elif self.terminal:
            self.terminal.resize()

    def _patience(self) -> float | None:
        return None if self._deadline is None else max(0.0, self._deadline[0] - time.monotonic())


def _noted(_number: int, _frame: object) -> None:
    """The wakeup descriptor carries the number; the handler only keeps Python from dying of it."""
