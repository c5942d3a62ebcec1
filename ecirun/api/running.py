"""Pods that run, and what can be done with them from Python."""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import IO, Any

from ecirun.api.host import explaining
from ecirun.api.judging import Unsupported, plan_admitted
from ecirun.api.launchers import launcher, on_fork
from ecirun.api.pods import Pod, Source, one_pod
from ecirun.api.result import ExecTimeout, Result
from ecirun.errors import LaunchFailed
from ecirun.linux import sockets
from ecirun.linux.sockets import Socket
from ecirun.plan.build import Options
from ecirun.plan.model import NetworkMode, PodPlan
from ecirun.plan.mounts import usual_groundwork
from ecirun.plan.sysctls import SysctlMode
from ecirun.policy.load import DEFAULT, load_policy
from ecirun.runtime import client, control, log_reader, messages, privileges, state
from ecirun.runtime.launching import Sandbox
from ecirun.runtime.messages import Message

CHUNK = 65536
CHUNK_OF_INPUT = 4096  # PIPE_BUF: a pipe that can be written takes that much without blocking
POLL = 0.1  # seconds
_open_pods: weakref.WeakSet[RunningPod] = weakref.WeakSet()


@explaining()
def run(
    pod: Pod | Source,
    *,
    command: Sequence[str] | None = None,
    container: str = "",
    name: str = "",
    policy: str = DEFAULT,
    unsupported: Unsupported = "refuse",
    network: NetworkMode = "loopback",
    sysctls: SysctlMode = "shadow",
    writable_root: bool = False,
    store: str = "",
    volumes: Mapping[str, str] | None = None,
    beside: Iterable[Source] = (),
    detach: bool = False,
) -> RunningPod:
    """Run a pod (or the first one of a source) and return when its containers run.

    `command` replaces the command of `container` (default: the first); the pod then runs once and ends with it. `name` is the
    pod's on this machine; by default it is unique. The pod ends with the `with` block, or with this program, unless `detach`.
    `volumes` maps claims of persistent volumes to folders, `beside` are sources of ConfigMaps and Secrets. The other options
    are those of `ecirun run`.

    Raises PodRefused with the findings, ImageNotFound, HostUnsupported, LaunchFailed, CommandNotFound, CommandNotExecutable.

    >>> with run("example:network") as pod:
    ...     pod.exec(["ip", "link", "set", "lo", "down"]).stderr
    'ip: SIOCSIFFLAGS: Operation not permitted\\n'
    """
    read = one_pod(pod, beside=beside) if not isinstance(pod, Pod) else pod
    options = Options(
        container=container,
        command=tuple(command) if command is not None else None,
        name=name or f"{read.name[:240]}-{secrets.token_hex(3)}",
        network=network,
        sysctls=sysctls,
        writable_root=writable_root,
        foreground=not detach,
    )
    privileges.check_root()
    usual = usual_groundwork(load_policy(policy))
    shared = launcher(detached=detach)
    with client.Reservation(shared, usual) as reservation:
        plan = plan_admitted(
            read,
            options,
            policy=policy,
            unsupported=unsupported,
            store=store,
            volumes=volumes or {},
            must_run=True,
            say=lambda _text: None,
            look=lambda paths: _look(paths, reservation),
        )
        privileges.check_privileges(plan)
        how = client.Options(detached=detach, keeps_joiners=True)
        sandbox, places = client.launch(reservation, plan, how, {})
    running = RunningPod(plan, sandbox.end, detached=detach, default=container or plan.containers[0].name)
    running._on_free = lambda end: shared.give_back(Sandbox(end, sandbox.groundwork))
    try:
        running._until_started()
    except BaseException:
        running._end.close()
        raise
    finally:
        # The supervisor has it, unless it died.
        places.forget()
    return running


_seen: dict[str, tuple[str, str | None]] = {}


def _look(paths: list[str], reservation: client.Reservation) -> Mapping[str, tuple[str, str | None]]:
    """What fresh namespaces make of sysctls: it stays the same as long as the kernel does."""
    if not all(path in _seen for path in paths):
        _seen.update(reservation.probe(paths))
    return _seen


def attach(name: str) -> RunningPod:
    """A pod that runs already, such as one that `ecirun run -d` started; it goes on when this program ends.

    Raises PodNotFound or NotRunning.
    """
    import json

    from ecirun.plan.model import from_plain

    end = control.connect(name)
    with open(f"{state.STATE}/{name}/plan.json", encoding="utf-8") as file:
        plan: PodPlan = from_plain(PodPlan, json.load(file))
    return RunningPod(plan, end, detached=True, default=plan.containers[0].name)


class RunningPod:
    """A pod that runs. It ends with the `with` block; without one, with `stop` or this program.

    `name` is its name on this machine, `plan` what it was launched by. Its methods may be called from several threads.
    """

    def __init__(self, plan: PodPlan, end: Socket, *, detached: bool, default: str) -> None:
        self.name = plan.name
        self.plan = plan
        self.last_exec: Result | None = None
        self._default = default
        self._detached = detached
        self._end = end
        self._lock = threading.Lock()
        self._ended: Message | None = None
        self._gone = False
        self._free = False
        self._on_free: Callable[[Socket], None] = Socket.close  # whoever wants the supervisor that has done with this pod
        self._status: dict[str, Any] | None = None
        self._started: set[str] = set()
        _open_pods.add(self)

    def __enter__(self) -> RunningPod:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ecirun.RunningPod {self.name}>"

    def close(self) -> None:
        """End the pod at once, unless it is detached. After that, only its plan and name are left."""
        if not self._detached:
            # The supervisor answers, or hangs up, when the pod's name is free again.
            self._send({"stop": 0, "forget": True})
            self._until(lambda: self._gone or self._free, None)
        with self._lock:
            end = sockets.adopt(self._end.detach()) if self._free else self._end
            free, self._free = self._free, False
        (self._on_free if free else Socket.close)(end)

    def exec(
        self,
        argv: Sequence[str],
        *,
        container: str | None = None,
        input: str | bytes | None = None,
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        text: bool = True,
    ) -> Result:
        """Execute a program in a container (default: the first) as the container's own user, and wait for its end.

        `input` becomes its standard input, which is empty without. `env` adds to the container's environment, `cwd` replaces
        its working directory. With `text` the streams are str, else bytes. Raises ExecTimeout after `timeout` seconds,
        CommandNotFound, CommandNotExecutable, NotRunning.
        """
        began = time.monotonic()
        with self.exec_stream(argv, container=container, env=env, cwd=cwd, stdin=input is not None) as stream:
            try:
                stdout, stderr = stream.communicate(input, timeout)
            except TimeoutError as error:
                stream.kill()
                stdout, stderr = error.args
                raise ExecTimeout(tuple(argv), timeout or 0, _shown(stdout, text), _shown(stderr, text)) from None
            code = stream.wait()
        result = Result(tuple(argv), code, _shown(stdout, text), _shown(stderr, text), time.monotonic() - began)
        self.last_exec = result
        return result

    def exec_stream(
        self,
        argv: Sequence[str],
        *,
        container: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        stdin: bool = False,
    ) -> ExecStream:
        """Execute a program and talk with it while it runs: `stdout`, `stderr` and, with `stdin`, `stdin` are binary files."""
        request: Message = {"container": container or self._default, "argv": list(argv)}
        if env:
            request["more_env"] = dict(env)
        if cwd:
            request["cwd"] = cwd
        return ExecStream(self, request, stdin=stdin)

    def kill(self) -> None:
        """End the pod at once, and wait for that."""
        self._send({"stop": 0})
        self._until(lambda: self._ended is not None or self._gone, None)

    def logs(self, container: str | None = None, *, stream: str | None = None, previous: bool = False) -> str:
        """What a container (default: the first) has written so far: both streams, or `stdout` or `stderr` alone.

        `previous` asks for what it wrote before it was last restarted.
        """
        self.status()  # what is in its pipes is in its log when this is answered
        path = f"{state.STATE}/{self.name}/log/{container or self._default}.log"
        if previous:
            path = path.removesuffix(".log") + ".previous.log"
        entries = (entry for entry in log_reader.read_all(path) if stream in (None, entry.stream))
        return b"".join(entry.data + (b"\n" if entry.whole else b"") for entry in entries).decode(errors="replace")

    def status(self) -> dict[str, Any]:
        """The pod's state: `phase`, `address`, and `containers` with their states, restart counts and readiness."""
        with self._lock:
            self._status = None
        self._send({"status": True})
        self._until(lambda: self._status is not None or self._gone, None)
        return self._status or {}

    def stop(self, grace: float | None = None) -> int:
        """End the pod gently and return its exit code; `grace` in seconds replaces the pod's own grace period."""
        self._send({"stop": grace})
        return self.wait()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the pod's end and return its exit code: that of the first container that failed, else 0.

        Raises TimeoutError after `timeout` seconds, LaunchFailed when its supervisor died.
        """
        if self._detached:
            self._send({"wait": True})
        if not self._until(lambda: self._ended is not None or self._gone, timeout):
            raise TimeoutError(f"pod {self.name} has not ended after {timeout:g} s")
        if self._ended is None:
            raise LaunchFailed(f'Can\'t say how pod "{self.name}" ended: its supervisor died', hint="run it again")
        if "error" in self._ended:
            client.raise_error(self._ended)
        code: int = self._ended["exited"]
        return code

    def _send(self, message: Message, descriptors: tuple[int, ...] = ()) -> None:
        with contextlib.suppress(OSError):  # another thread has closed it
            messages.send(self._end, message, descriptors)

    def _until_started(self) -> None:
        """Wait until every app container has run, or the pod has ended. Raises what the launch failed with."""
        apps = {container.name for container in self.plan.containers}
        self._until(lambda: apps <= self._started or self._ended is not None or self._gone, None)
        if self._ended is not None and "error" in self._ended:
            client.raise_error(self._ended)
        if self._gone and self._ended is None:
            raise LaunchFailed("Can't start the pod: its supervisor died", hint="run it again")

    def _until(self, condition: Callable[[], bool], timeout: float | None) -> bool:
        """Hear what the supervisor says until the condition holds; False when that takes longer than `timeout`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not condition():
            if self._end.fileno() < 0:
                self._gone = True
                continue
            left = POLL if deadline is None else min(POLL, deadline - time.monotonic())
            if left <= 0:
                return False
            # Another thread may hear what this one waits for.
            if select.select([self._end], [], [], left)[0]:
                self._hear()
        return True

    def _hear(self) -> None:
        with self._lock:
            if self._end.fileno() < 0:
                return
            message = messages.receive_now(self._end)
            if message is None:
                return
            if not message:
                self._gone = True
            elif "free" in message:
                self._free = True
            elif "started" in message:
                self._started.add(message["started"])
            elif "ended" in message:
                self._ended = message["ended"]
            elif "status" in message:
                self._status = message["status"]


class ExecStream:
    """A program that runs in a pod. `stdin`, `stdout` and `stderr` are unbuffered binary files; `with` ends it."""

    def __init__(self, pod: RunningPod, request: Message, *, stdin: bool) -> None:
        self.argv = tuple(request["argv"])
        self._pod = pod
        read_in, write_in = os.pipe2(os.O_CLOEXEC) if stdin else (os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC), -1)
        read_out, write_out = os.pipe2(os.O_CLOEXEC)
        read_err, write_err = os.pipe2(os.O_CLOEXEC)
        self.stdin: IO[bytes] | None = os.fdopen(write_in, "wb", buffering=0) if stdin else None
        self.stdout: IO[bytes] = os.fdopen(read_out, "rb", buffering=0)
        self.stderr: IO[bytes] = os.fdopen(read_err, "rb", buffering=0)
        self._status, theirs = sockets.pair()
        pod._send({"exec": request}, (theirs.fileno(), read_in, write_out, write_err))
        theirs.close()
        for descriptor in (read_in, write_out, write_err):
            os.close(descriptor)
        self._last: Message | None = None

    def __enter__(self) -> ExecStream:
        return self

    def __exit__(self, *_reason: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill the program if it still runs, and close its streams."""
        self._status.close()
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                stream.close()

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send the program a signal."""
        messages.send(self._status, {"signal": int(number)})

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the program's end and return its exit code.

        Raises TimeoutError after `timeout` seconds, CommandNotFound, CommandNotExecutable, NotRunning.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._last is None:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and (left <= 0 or not select.select([self._status], [], [], left)[0]):
                raise TimeoutError(f"{self.argv[0]} has not ended after {timeout:g} s")
            self._hear()
        if "error" in self._last:
            client.raise_error(self._last)
        code: int = self._last["exited"]
        return code

    def _hear(self) -> None:
        message, _descriptors = messages.receive(self._status)
        if message is None:
            reason = f'Can\'t execute in pod "{self._pod.name}": it has ended'
            self._last = {"error": "NotRunning", "message": reason, "hint": "run it again"}
        elif "exited" in message or "error" in message:
            self._last = message

    def communicate(self, input: str | bytes | None = None, timeout: float | None = None) -> tuple[bytes, bytes]:
        """Write `input`, read both streams until the program ends, and return them.

        Raises TimeoutError with what was read, after `timeout` seconds; the program then still runs.
        """
        left = (input.encode() if isinstance(input, str) else input) or b""
        read: dict[int, list[bytes]] = {self.stdout.fileno(): [], self.stderr.fileno(): []}
        out, err = read
        deadline = None if timeout is None else time.monotonic() + timeout
        open_ends = set(read)
        self._end_input_unless(left)
        while open_ends or self._last is None:
            if self._last is not None:
                # Whatever it left behind may keep the pipes open for ever; only what is in them counts.
                return _drained(read, open_ends, out, err)
            patience = None if deadline is None else deadline - time.monotonic()
            if patience is not None and patience <= 0:
                raise TimeoutError(b"".join(read[out]), b"".join(read[err]))
            writing = [self.stdin] if self.stdin is not None and left else []
            status = self._status.fileno()
            ready, writable, _ = select.select([*open_ends, status], writing, [], patience)
            for descriptor in open_ends & set(ready):
                data = os.read(descriptor, CHUNK)
                read[descriptor].append(data)
                if not data:
                    open_ends.discard(descriptor)
            if status in ready:
                self._hear()
            if writable:
                left = self._write(left)
        return b"".join(read[out]), b"".join(read[err])

    def _write(self, data: bytes) -> bytes:
        assert self.stdin is not None
        try:
            data = data[os.write(self.stdin.fileno(), data[:CHUNK_OF_INPUT]) :]
        except BrokenPipeError:
            data = b""  # it does not want to read more
        self._end_input_unless(data)
        return data

    def _end_input_unless(self, data: bytes) -> None:
        if self.stdin is not None and not data:
            self.stdin.close()
            self.stdin = None


def _drained(read: dict[int, list[bytes]], open_ends: set[int], out: int, err: int) -> tuple[bytes, bytes]:
    while ready := select.select(open_ends, [], [], 0)[0]:
        for descriptor in ready:
            data = os.read(descriptor, CHUNK)
            read[descriptor].append(data)
            if not data:
                open_ends.discard(descriptor)
    return b"".join(read[out]), b"".join(read[err])


def _shown(data: bytes, text: bool) -> str | bytes:
    return data.decode(errors="replace") if text else data


def _forget_pods() -> None:
    """In a forked child: the pods are the parent's, and must not live on because this process holds their ends."""
    for pod in list(_open_pods):
        pod._lock = threading.Lock()
        pod._end.close()


on_fork(_forget_pods)
