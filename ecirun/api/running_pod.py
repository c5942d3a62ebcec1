"""Pods that run, and what can be done with them from Python."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, overload

from ecirun.api import launchers
from ecirun.api.exec_stream import ExecStream
from ecirun.api.line import Line
from ecirun.api.result import ExecTimeout, Result
from ecirun.api.words import Word, choice, environment, words
from ecirun.errors import EcirunError, LaunchFailed, NotRunning, UsageError
from ecirun.plan.model import PodPlan
from ecirun.runtime import client, log_reader, state
from ecirun.runtime.messages import Message


class RunningPod:
    """A pod that runs. It ends with the `with` block; without one, with `close` or this program.

    `name` is its name on this machine, `plan` what it was launched by, `warnings` what its user should know (the logger
    `ecirun` gets that too), `last_exec` the result of the last `exec`. Its methods may be called from several threads.

    >>> with ecirun.run(ecirun.pod()) as pod:
    ...     pod.exec(["echo", "hello"]).stdout
    'hello\\n'
    """

    def __init__(
        self, plan: PodPlan, line: Line, *, detached: bool, default: str, on_free: Callable[[Line], None] = Line.close
    ) -> None:
        self.name = plan.name
        self.plan = plan
        self.last_exec: Result[Any] | None = None
        self._default = default
        self._lock = threading.Lock()
        self._detached = detached
        self._closed = False
        self._on_free = on_free  # whoever wants the supervisor that has done with this pod
        self._line = line
        self.warnings = self._line.notes
        if not detached:
            launchers.ends_with_this_process(self)

    def __enter__(self) -> RunningPod:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ecirun.RunningPod {self.name}>"

    def close(self) -> None:
        """End the pod at once and take everything of it away; a detached one is let go and runs on.

        After that only its `plan`, its `name` and, if it had ended before, its exit code are left.

        >>> pod = ecirun.run(ecirun.pod())
        >>> pod.close()
        >>> pod.exec(["true"])
        Traceback (most recent call last):
        ecirun.errors.NotRunning: Can't execute in pod "pod-...": it was closed
            hint: do it before the end of its `with` block
        """
        self._closed = True
        line = self._line
        if not self._detached and line.send({"stop": 0, "forget": True}):
            # The supervisor answers, or hangs up, when the pod's name is free again.
            line.until(lambda: line.free)
        with self._lock:
            free, line.free = line.free, False
        (self._on_free if free else Line.close)(line)
        # Who is free for another pod has nothing of this one any more.
        record = None if self._detached or free else state.read(state.STATE, self.name)
        if record is not None and record.lost:
            launchers.clean_up_lost_pods()

    def detach(self) -> None:
        """Let the pod go on when this program ends; `ecirun exec`, `ecirun stop` and `ecirun rm` find it by its name.

        >>> with ecirun.run(ecirun.pod()) as pod:
        ...     pod.detach()
        >>> with ecirun.attach(pod.name) as again:
        ...     again.stop(grace=0)
        137
        """
        if not self._detached:
            self._ask({"detach": True}, "detach pod")
            launchers.launcher(detached=False).outlived = True
            self._detached = True

    @overload
    def exec(
        self,
        argv: Sequence[Word],
        *,
        container: str | None = None,
        input: str | bytes | None = None,
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Word | None = None,
        text: Literal[True] = True,
    ) -> Result[str]: ...

    @overload
    def exec(
        self,
        argv: Sequence[Word],
        *,
        container: str | None = None,
        input: str | bytes | None = None,
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Word | None = None,
        text: Literal[False],
    ) -> Result[bytes]: ...

    @overload
    def exec(
        self,
        argv: Sequence[Word],
        *,
        container: str | None = None,
        input: str | bytes | None = None,
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Word | None = None,
        text: bool,
    ) -> Result[str] | Result[bytes]: ...

    def exec(
        self,
        argv: Sequence[Word],
        *,
        container: str | None = None,
        input: str | bytes | None = None,
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Word | None = None,
        text: bool = True,
    ) -> Result[Any]:
        """Execute a program in a container (default: the first) as the container's own user, and wait for its end.

        `input` becomes its standard input, which is empty without. `env` adds to the container's environment, `cwd` replaces
        its working directory. With `text` the streams are str, decoded as UTF-8 with U+FFFD for what is none, else bytes.
        What the program leaves running is not waited for. Raises ExecTimeout after `timeout` seconds, CommandNotFound,
        CommandNotExecutable, NotRunning, LaunchFailed when `cwd` cannot be entered.

        >>> with ecirun.run(ecirun.pod()) as pod:
        ...     pod.exec(["tr", "a-z", "A-Z"], input="hello").stdout
        ...     pod.exec(["sh", "-c", "echo $HOME in $PWD; exit 3"], env={"HOME": "/h"}, cwd="/tmp")[1:4]
        'HELLO'
        (3, '/h in /tmp\\n', '')
        """
        __tracebackhide__ = True
        began = time.monotonic()
        found = words(argv)
        with self.exec_stream(found, container=container, env=env, cwd=cwd, stdin=input is not None) as stream:
            try:
                stdout, stderr = stream.communicate(input, timeout)
            except TimeoutError as error:
                late = error
            else:
                result = Result(found, stream.wait(), _text(stdout, text), _text(stderr, text), time.monotonic() - began)
                self.last_exec = result
                return result
            stream.end()
        stdout, stderr = (_text(data, text) for data in late.args)
        self.last_exec = Result(found, 137, stdout, stderr, time.monotonic() - began)
        raise ExecTimeout(found, timeout or 0, stdout, stderr)

    def exec_stream(
        self,
        argv: Sequence[Word],
        *,
        container: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Word | None = None,
        stdin: bool = False,
    ) -> ExecStream:
        """Execute a program and talk with it while it runs: `stdout`, `stderr` and, with `stdin`, `stdin` are binary files.

        The rest is as for `exec`; that the program could not be started is said by `wait`.

        >>> with ecirun.run(ecirun.pod()) as pod, pod.exec_stream(["cat"], stdin=True) as cat:
        ...     count = cat.stdin.write(b"hello\\n")
        ...     line = cat.stdout.readline()
        ...     cat.stdin.close()
        ...     line, cat.wait(timeout=5)
        (b'hello\\n', 0)
        """
        __tracebackhide__ = True
        request: Message = {"container": self._container(container), "argv": words(argv), "more_env": environment(env)}
        if cwd is not None:
            (request["cwd"],) = words([cwd], "cwd")
        self._refuse_closed("execute in pod")
        return ExecStream(request["argv"], self.name, lambda streams: self._line.send({"exec": request}, streams), stdin=stdin)

    def kill(self) -> None:
        """End the pod at once, and wait for that. Its logs and its state can still be asked for.

        >>> with ecirun.run(ecirun.pod()) as pod:
        ...     pod.kill()
        ...     pod.wait()
        137
        """
        self._line.send({"stop": 0})
        self._until_ended(None)

    def logs(
        self, container: str | None = None, *, stream: Literal["stdout", "stderr"] | None = None, previous: bool = False
    ) -> str:
        """What a container (default: the first) has written so far: both streams, or one of them.

        `previous` asks for what it wrote before it was last restarted. Raises NotRunning when the pod was closed.

        >>> with ecirun.run(ecirun.pod(), command=["echo", "hello"]) as pod:
        ...     pod.wait()
        ...     pod.logs()
        0
        'hello\\n'
        """
        __tracebackhide__ = True
        name = self._container(container)
        if stream is not None:
            choice("stream", stream, ("stdout", "stderr"))
        self.status()  # what is in its pipes is in its log when this is answered
        path = f"{state.STATE}/{self.name}/log/{name}.log"
        if previous:
            path = path.removesuffix(".log") + ".previous.log"
            if not os.path.exists(path):
                raise EcirunError(f'previous terminated container "{name}" in pod "{self.name}" not found')
        entries = (entry for entry in log_reader.read_all(path) if stream in (None, entry.stream))
        return b"".join(entry.data + (b"\n" if entry.whole else b"") for entry in entries).decode(errors="replace")

    def status(self) -> dict[str, Any]:
        """The pod's state, as `ecirun inspect` shows it: `phase`, `address`, `containers` and more.

        Each of `containers` has a `state` (one of `waiting`, `running` and `terminated`), a `restart_count`, and is `ready` or
        not. Raises NotRunning when the pod was closed, or its supervisor died.

        >>> with ecirun.run(ecirun.pod()) as pod:
        ...     status = pod.status()
        >>> status["phase"], status["address"], [container["ready"] for container in status["containers"]]
        ('Running', '127.0.0.1', [True])
        """
        __tracebackhide__ = True
        if (told := self._line.status()) is not None:
            return told
        self._refuse_closed("ask pod")
        record = state.read(state.STATE, self.name)
        if record is None or not record.state:
            raise NotRunning(f'Can\'t ask pod "{self.name}": its supervisor died', hint="run it again")
        return record.state

    def stop(self, grace: float | None = None) -> int:
        """End the pod gently and return its exit code; `grace` in seconds replaces the pod's own grace period.

        >>> with ecirun.run(ecirun.pod()) as pod:
        ...     pod.stop(grace=0.1)  # `sleep`, as process 1, ignores SIGTERM
        137
        """
        __tracebackhide__ = True
        self._line.send({"stop": grace})
        return self.wait()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the pod's end and return its exit code: that of the first container that failed, else 0.

        Raises TimeoutError after `timeout` seconds, LaunchFailed when its supervisor died, NotRunning when it was closed.

        >>> with ecirun.run(ecirun.pod(), command=["sh", "-c", "exit 3"]) as pod:
        ...     pod.wait()
        3
        """
        __tracebackhide__ = True
        if not self._until_ended(timeout):
            raise TimeoutError(f"pod {self.name} has not ended after {timeout:g} s")
        if self._line.ended is None:
            return self._code_on_record()
        if "error" in self._line.ended:
            client.raise_error(self._line.ended)
        code: int = self._line.ended["exited"]
        return code

    def _until_started(self) -> None:
        """Wait until every app container has run, or the pod has ended. Raises what the launch failed with."""
        apps = {container.name for container in self.plan.containers}
        line = self._line
        line.until(lambda: apps <= line.started or line.not_started is not None or line.ended is not None)
        error = line.not_started or line.ended
        if error is not None and "error" in error:
            client.raise_error(error)
        if line.gone and line.ended is None:
            raise LaunchFailed("Can't start the pod: its supervisor died", hint="run it again")

    def _until_ended(self, timeout: float | None) -> bool:
        """Whether the pod has ended by then, or cannot be asked any more."""
        line = self._line
        if self._detached and line.ended is None:
            line.send({"wait": True})
        ended = line.until(lambda: line.ended is not None, timeout) or line.gone
        if ended and self._detached:
            line.until(lambda: False)  # only then its supervisor has let go of its folder
        return ended

    def _code_on_record(self) -> int:
        """The exit code of a pod whose supervisor has gone without telling it to this process."""
        self._refuse_closed("wait for pod")
        record = state.read(state.STATE, self.name)
        if record is None or record.state.get("exit_code") is None:
            raise LaunchFailed(f'Can\'t say how pod "{self.name}" ended: its supervisor died', hint="run it again")
        code: int = record.state["exit_code"]
        return code

    def _ask(self, message: Message, what: str) -> None:
        self._refuse_closed(what)
        if not self._line.send(message):
            raise NotRunning(f'Can\'t {what} "{self.name}": its supervisor died', hint="run it again")

    def _refuse_closed(self, what: str) -> None:
        __tracebackhide__ = True
        if self._line.foreign:
            hint = f'use ecirun.attach("{self.name}") here'
            raise NotRunning(f'Can\'t {what} "{self.name}": it belongs to the process that this one was forked from', hint=hint)
        if self._closed:
            raise NotRunning(f'Can\'t {what} "{self.name}": it was closed', hint="do it before the end of its `with` block")

    def _container(self, name: str | None) -> str:
        """The container of that name, or the first. Raises UsageError with the names that there are."""
        __tracebackhide__ = True
        names = [container.name for container in self.plan.all_containers]
        if name is not None and name not in names:
            raise UsageError(f'Can\'t find container "{name}" in pod "{self.name}"', hint="choose one of: " + ", ".join(names))
        return name or self._default


def _text(data: bytes, text: bool) -> Any:
    return data.decode(errors="replace") if text else data
