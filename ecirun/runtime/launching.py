"""The client's hold on a launcher and on the sandboxes that it makes ahead."""

from __future__ import annotations

import errno
import os

from ecirun.errors import SEE_DOCTOR, SEE_LIMITS, HostUnsupported, LaunchFailed
from ecirun.linux import sockets
from ecirun.linux.sockets import Socket
from ecirun.plan.model import Groundwork, plain
from ecirun.runtime import messages, sharing
from ecirun.runtime.launcher_process import start_launcher_process
from ecirun.runtime.state import STATE


class Sandbox:
    """A supervisor that waits for a pod, or is at it, and the groundwork it was made with."""

    def __init__(self, end: Socket, groundwork: Groundwork) -> None:
        self.end = end
        self.groundwork = groundwork

    def forget(self) -> None:
        """In a process that was forked from this one: it is not its sandbox."""
        self.end.close()

    def probe(self, paths: list[str]) -> dict[str, tuple[str, str | None]]:
        """What its fresh namespaces make of sysctls, as `linux.sysctl_probe.probe` tells it. Raises OSError."""
        messages.send(self.end, {"probe": paths})
        message, _descriptors = messages.receive(self.end)
        if message is None or "seen" not in message:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM), "fresh namespaces")
        return {path: (state, value) for path, (state, value) in message["seen"].items()}


class Launcher:
    """A launcher of this process's own, or for pods that outlive it the shared one. Not for several threads at once."""

    def __init__(self, process: tuple[Socket, int] | None = None, *, shared: bool = False) -> None:
        """`process` is what `start_launcher_process` has returned, where that was called ahead."""
        self.shared = shared
        self.end: Socket | None
        self.end, self.pid = process or (None, 0)
        self._asked: list[Groundwork] = []
        self.fault = fault_from_environment()

    def start(self) -> None:
        """Find it or start it, unless that is done. Raises HostUnsupported when there is no right to, or LaunchFailed."""
        if self.end is None and self.shared:
            self.end = sharing.meet(STATE)
        if self.end is None:
            self._start_process()

    def _start_process(self) -> None:
        try:
            os.makedirs(STATE, 0o700, exist_ok=True)
        except OSError as error:
            raise HostUnsupported(f"Can't write {STATE}: {error.strerror}", hint="run ecirun as root") from None
        try:
            self.end, self.pid = start_launcher_process()
        except OSError as error:
            raise LaunchFailed(f"Can't start the launcher: {error.strerror}", step="launcher", hint=SEE_LIMITS) from None
        if self.shared:
            messages.send(self.end, {"share": True})

    def ask(self, groundwork: Groundwork) -> None:
        """Have a sandbox made; it is taken later."""
        assert self.end is not None
        messages.send(self.end, {"sandbox": plain(groundwork), "fault": self.fault})
        self._asked.append(groundwork)

    def take(self, groundwork: Groundwork) -> Sandbox:
        """A sandbox with that groundwork. Raises LaunchFailed."""
        self.start()
        while self._asked:
            sandbox = self._receive()
            if isinstance(sandbox, str):
                continue  # what it could not make ahead, it may make now
            if sandbox.groundwork == groundwork:
                return sandbox
            sandbox.end.close()
        self.ask(groundwork)
        sandbox = self._receive()
        if isinstance(sandbox, str):
            raise LaunchFailed(sandbox, step="launcher", hint=SEE_LIMITS)
        return sandbox

    def _receive(self) -> Sandbox | str:
        """The next of what was asked for, or why it could not be made. Raises LaunchFailed when the launcher is no more."""
        assert self.end is not None
        message, descriptors = messages.receive(self.end)
        groundwork = self._asked.pop(0)  # only now: an interrupt must not set the two lists apart
        if message is None:
            self.close()
        if message is None or "error" in message:
            why = message["error"] if message else "Can't start the launcher: it ended at once"
            raise LaunchFailed(why, step="launcher", hint=SEE_DOCTOR)
        if "refused" in message:
            return f"Can't start a supervisor: {message['refused']}"
        return Sandbox(sockets.adopt(descriptors[0]), groundwork)

    @property
    def ready(self) -> bool:
        """Whether it is started."""
        return self.end is not None

    @property
    def asked(self) -> int:
        """How many sandboxes are asked for and not taken."""
        return len(self._asked)

    def forget(self) -> None:
        """In a process that was forked from this one: it is not its launcher."""
        if self.end is not None:
            self.end.close()
            self.end = None

    def close(self, *, wait: bool = True) -> None:
        """Let it end, and with it the sandboxes that were not taken. A shared one stays as long as it is needed."""
        if self.end is not None:
            self.end.close()
            self.end = None
            if wait and not self.shared:
                os.waitpid(self.pid, 0)


def fault_from_environment() -> tuple[str, str]:
    """ECIRUN_FAULT=STEP:kill or STEP:ERRNO makes a launch step fail, for tests of what happens then."""
    step, _, kind = os.environ.get("ECIRUN_FAULT", "").partition(":")
    return step, kind
