"""What probes and hooks do: execute a program in the container, ask it over the network, or wait.

An action never holds the supervisor up: a program is a joiner's, a question over the network is a process's of its own that
is killed when its time is over. The supervisor is in the pod's network namespace, and so is that process.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable

from ecirun.linux import process, sockets
from ecirun.plan.model import Action
from ecirun.record import Record
from ecirun.runtime import messages, question, spawning

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from ecirun.runtime.container_run import ContainerRun
    from ecirun.runtime.pod_run import PodRun

MOST_OUTPUT = 10 * 1024  # Kubernetes pkg/probe/exec: what it keeps of a probe's output


class Result(Record):
    """How an action went. `text` is what it said; with `is_error` it could not even be tried."""

    success: bool
    text: str
    is_error: bool = False


Done = Callable[[Result], None]


def start(pod: PodRun, run: ContainerRun, action: Action, timeout: float | None, done: Done) -> None:
    """Begin an action; `done` is called once, later, unless the container ends before. `timeout` in seconds, None for none."""
    if action.kind == "sleep":
        timer = pod.loop.after(action.seconds, lambda: done(Result(True, "")))
        run.on_end.append(timer.cancel)
    elif action.kind == "exec":
        _Execution(pod, run, action, timeout, done)
    else:
        _Question(pod, run, action, timeout, done)


class _Execution:
    """A program in the container."""

    def __init__(self, pod: PodRun, run: ContainerRun, action: Action, timeout: float | None, done: Done) -> None:
        self.pod = pod
        self.done: Done | None = done
        self.text = b""
        self.status, theirs = sockets.pair()
        self.output, output = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.output, False)
        run.execute({"argv": action.command}, (theirs.fileno(), pod.equipment.null, output, output))
        theirs.close()
        os.close(output)
        pod.loop.on_readable(self.status.fileno(), self._heard)
        pod.loop.on_readable(self.output, self._read)
        self.timer = pod.loop.after(timeout, lambda: self._timed_out(timeout)) if timeout is not None else None
        run.on_end.append(self._abandon)

    def _heard(self) -> None:
        message, _descriptors = messages.receive(self.status)
        if message is None:
            self._finish(Result(False, "the program's end was not heard of", is_error=True))
        elif "error" in message:
            self._finish(Result(False, message["message"], is_error=True))
        elif "exited" in message:
            self._read()
            self._finish(Result(message["exited"] == 0, self.text.decode(errors="replace")))

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self.output, 65536)
            except BlockingIOError:
                return
            if not data:
                self.pod.loop.on_readable(self.output, None)
                return
            self.text = (self.text + data)[:MOST_OUTPUT]

    def _timed_out(self, timeout: float | None) -> None:
        messages.send(self.status, {"signal": int(signal.SIGKILL)})
        self._finish(Result(False, f"command timed out after {timeout:g}s"))

    def _abandon(self) -> None:
        self.done = None
        self._finish(Result(False, ""))

    def _finish(self, result: Result) -> None:
        if self.timer:
            self.timer.cancel()
        if self.output >= 0:
            self.pod.loop.on_readable(self.output, None)
            self.pod.loop.on_readable(self.status.fileno(), None)
            self.status.close()
            os.close(self.output)
            self.output = -1
        done, self.done = self.done, None
        if done:
            done(result)


class _Question:
    """A question over the network, asked by a process of its own."""

    def __init__(self, pod: PodRun, run: ContainerRun, action: Action, timeout: float | None, done: Done) -> None:
        self.pod = pod
        self.done: Done | None = done
        self.answer, write_end = os.pipe2(os.O_CLOEXEC)
        host = action.host or pod.equipment.address
        question.prepare()
        self.pid, self.pidfd = process.clone3(0)
        if self.pid == 0:
            question.ask(action, host, timeout or question.LONGEST, write_end)
        os.close(write_end)
        pod.loop.on_readable(self.pidfd, self._answered)
        # The process keeps its own time; this is for one that cannot.
        self.timer = pod.loop.after((timeout or question.LONGEST) + 1, self._kill)
        run.on_end.append(self._abandon)

    def _answered(self) -> None:
        self.pod.loop.on_readable(self.pidfd, None)
        self.timer.cancel()
        with os.fdopen(self.answer, "rb") as file:
            text = file.read()
        os.waitpid(self.pid, 0)
        os.close(self.pidfd)
        success, said = json.loads(text) if text else (False, "timed out")
        done, self.done = self.done, None
        if done:
            done(Result(success, said))

    def _kill(self) -> None:
        spawning.send_signal(self.pidfd, signal.SIGKILL)

    def _abandon(self) -> None:
        if self.done:
            self.done = None
            self._kill()
