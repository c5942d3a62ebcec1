"""A program that is executed in a pod, while it runs."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable

from ecirun.api import forks
from ecirun.api.conversation import Conversation
from ecirun.linux import sockets
from ecirun.runtime import client, messages
from ecirun.runtime.messages import Message

PATIENCE = 5.0  # seconds for a killed program to be gone


class ExecStream:
    """A program that runs in a pod; `RunningPod.exec_stream` makes it, and `with` ends it.

    `stdout`, `stderr` and, if it was asked for, `stdin` are unbuffered binary files, `argv` is what runs. It is for one thread
    at a time.

    >>> with ecirun.run(ecirun.pod()) as pod, pod.exec_stream(["sh", "-c", "echo ready; sleep 99"]) as program:
    ...     program.argv[0], program.stdout.readline()
    ('sh', b'ready\\n')
    """

    def __init__(
        self, argv: tuple[str, ...], pod: str, execute: Callable[[tuple[int, ...]], object], *, stdin: bool = False
    ) -> None:
        self.argv = argv
        self._pod = pod
        self._started = False
        self._last: Message | None = None
        with forks.handling:
            opened: list[int] = []
            try:
                self._open(opened, execute, stdin=stdin)
            except BaseException:
                for descriptor in opened:
                    os.close(descriptor)
                raise
            forks.keep(self)

    def _open(self, opened: list[int], execute: Callable[[tuple[int, ...]], object], *, stdin: bool) -> None:
        opened += os.pipe2(os.O_CLOEXEC)
        opened += os.pipe2(os.O_CLOEXEC)
        opened += os.pipe2(os.O_CLOEXEC) if stdin else [os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)]
        read_out, write_out, read_err, write_err, read_in, *write_in = opened
        self._status, theirs = sockets.pair()
        execute((theirs.fileno(), read_in, write_out, write_err))
        theirs.close()
        for descriptor in (read_in, write_out, write_err):
            os.close(descriptor)
        opened.clear()
        self.stdin = forks.Pipe(write_in[0], "wb") if stdin else None
        self.stdout = forks.Pipe(read_out, "rb")
        self.stderr = forks.Pipe(read_err, "rb")

    def __enter__(self) -> ExecStream:
        return self

    def __exit__(self, *_reason: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ecirun.ExecStream {self.argv} in {self._pod}>"

    def close(self) -> None:
        """Kill the program if it still runs, with what it started in its process group, and close its streams.

        >>> with ecirun.run(ecirun.pod()) as pod:
        ...     program = pod.exec_stream(["sleep", "99"])
        ...     program.close()
        """
        with forks.handling:
            self._status.close()
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                stream.close()

    def forget(self) -> None:
        """In a forked child: the program is the parent's."""
        self.close()

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send the program a signal (default: SIGKILL). It is no error when it has ended.

        >>> with ecirun.run(ecirun.pod()) as pod, pod.exec_stream(["sleep", "99"]) as program:
        ...     program.kill(15)
        ...     program.wait()
        143
        """
        messages.send(self._status, {"signal": int(number)})

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the program's end and return its exit code, which is 128+n when signal n ended it.

        Raises TimeoutError after `timeout` seconds, CommandNotFound, CommandNotExecutable, NotRunning.

        >>> with ecirun.run(ecirun.pod()) as pod, pod.exec_stream(["sh", "-c", "exit 3"]) as program:
        ...     program.wait(timeout=5)
        3
        """
        __tracebackhide__ = True
        deadline = None if timeout is None else time.monotonic() + timeout
        poll = select.poll()
        poll.register(self._status.fileno(), select.POLLIN)
        while self._last is None:
            if not poll.poll(_milliseconds(deadline)):
                raise TimeoutError(f"{self.argv[0]} has not ended after {timeout:g} s")
            self._hear()
        if "error" in self._last:
            client.raise_error(self._last)
        code: int = self._last["exited"]
        return code

    def _hear(self) -> None:
        message, _descriptors = messages.receive(self._status)
        if message is None and self._started:
            self._last = {"exited": 128 + signal.SIGKILL}  # with its pod, and nobody is left to tell
        elif message is None:
            reason = f'Can\'t execute in pod "{self._pod}": it has ended'
            self._last = {"error": "NotRunning", "message": reason, "hint": "run it again"}
        elif "started" in message:
            self._started = True
        elif "exited" in message or "error" in message:
            self._last = message

    def end(self) -> None:
        """Kill the program, with what it started in its process group, and wait until it is gone.

        >>> with ecirun.run(ecirun.pod()) as pod, pod.exec_stream(["sleep", "99"]) as program:
        ...     program.end()
        ...     program.wait()
        137
        """
        self._status.shutdown(sockets.SHUT_WR)
        deadline = time.monotonic() + PATIENCE
        poll = select.poll()
        poll.register(self._status.fileno(), select.POLLIN)
        while self._last is None and poll.poll(_milliseconds(deadline)):
            self._hear()

    def communicate(self, input: str | bytes | None = None, timeout: float | None = None) -> tuple[bytes, bytes]:
        """Write `input`, read both streams until the program ends, and return them.

        What the program left running is not waited for. Raises TimeoutError after `timeout` seconds, whose two arguments are
        what was read; the program then still runs.

        >>> with ecirun.run(ecirun.pod()) as pod, pod.exec_stream(["cat"], stdin=True) as program:
        ...     program.communicate("hello")
        (b'hello', b'')
        """
        data = input.encode() if isinstance(input, str) else input or b""
        talk = Conversation(self.stdin, self.stdout, self.stderr, data)
        deadline = None if timeout is None else time.monotonic() + timeout
        while talk.is_open or self._last is None:
            if self._last is not None:
                talk.read_what_is_there()
                break
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(*talk.heard)
            if talk.turn(self._status.fileno(), _milliseconds(deadline)):
                self._hear()
        return talk.heard


def _milliseconds(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, (deadline - time.monotonic()) * 1000)
