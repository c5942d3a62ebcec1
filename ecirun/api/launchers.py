"""The launchers of this process: one of its own, started on first use and shared by all its pods, and the one of detached pods.

A supervisor whose pod has ended makes a sandbox for the next one: nothing of the old one is in it, but a process is saved.

Threads take turns only to fetch a sandbox that is made already; a launch itself holds no lock. A process that is forked from
this one starts anew: it has neither the launchers nor the pods of its parent.
"""

from __future__ import annotations

import atexit
import os
import weakref
from typing import Protocol

from ecirun.api import forks
from ecirun.api.line import Line
from ecirun.errors import LaunchFailed
from ecirun.plan.model import Groundwork
from ecirun.runtime.launching import Launcher, Sandbox
from ecirun.runtime.privileges import check_host

MOST_AHEAD = 3  # sandboxes that are asked for
MOST_IDLE = 8  # sandboxes in all, of which those of many threads' pods are kept for their next ones


class SharedLauncher:
    """A launcher that several threads use."""

    def __init__(self, *, detached: bool) -> None:
        """Raises HostUnsupported."""
        self.detached = detached
        self.outlived = False  # whether pods of it go on when this process has ended
        self._launcher = Launcher(shared=detached)
        self.bounding = check_host()["CapBnd"]  # it is started with this process's rights, and keeps them
        self.fault = self._launcher.fault
        self._lock = forks.lock()
        self._worked = False
        self._ahead = 1
        self._idle: list[Sandbox] = []
        forks.keep(self)

    @property
    def ready(self) -> bool:
        """Whether it is started."""
        return True

    def take(self, groundwork: Groundwork) -> Sandbox:
        """A sandbox; another is made ahead for whoever comes next. Raises HostUnsupported or LaunchFailed."""
        with self._lock:
            # What was asked for is older than what was given back, and so the likelier to be made already.
            if not self._launcher.asked:
                for index, sandbox in enumerate(self._idle):
                    if sandbox.groundwork == groundwork:
                        return self._idle.pop(index)
            try:
                sandbox = self._take(groundwork)
            except LaunchFailed:
                if not self._worked or self._launcher.ready:
                    raise
                # Somebody has killed it, and may not do so again.
                self._launcher = Launcher(shared=self.detached)
                sandbox = self._take(groundwork)
            self._worked = True
            forks.keep(sandbox)
            return sandbox

    def _take(self, groundwork: Groundwork) -> Sandbox:
        if self._launcher.asked == 0 and self._worked:
            self._ahead = min(self._ahead + 1, MOST_AHEAD)  # somebody else took what was ahead
        sandbox = self._launcher.take(groundwork)
        while self._launcher.asked + len(self._idle) < self._ahead:
            self._launcher.ask(groundwork)
        return sandbox

    def give_back(self, line: Line, groundwork: Groundwork) -> None:
        """Take over the line to a supervisor that is free again."""
        with self._lock:
            sandbox = Sandbox(line.hand_over(), groundwork)
            if self._launcher.end is None or len(self._idle) + self._launcher.asked >= MOST_IDLE:
                sandbox.end.close()
                return
            forks.keep(sandbox)
            self._idle.append(sandbox)

    def close(self) -> None:
        """Let it end, and wait for that unless pods of it go on."""
        with self._lock:
            for sandbox in self._idle:
                sandbox.end.close()
            self._idle = []
            self._launcher.close(wait=not self.outlived)

    def forget(self) -> None:
        """In a forked child: it is the parent's."""
        self._idle = []
        self._launcher.forget()
        _launchers.clear()
        _pods.clear()


class Closes(Protocol):
    """A pod of this process."""

    def close(self) -> None:
        """End it, and wait for that."""
        ...


_launchers: dict[bool, SharedLauncher] = {}
_lock = forks.lock()
_pods: weakref.WeakSet[Closes] = weakref.WeakSet()


def launcher(*, detached: bool) -> SharedLauncher:
    """The launcher for pods that end with this process, or for those that do not."""
    with _lock:
        if detached not in _launchers:
            if not _launchers:
                clean_up_lost_pods()
                # A forked child may have registered it for its parent already; nothing is closed twice.
                atexit.unregister(_close_all)
                atexit.register(_close_all)
            _launchers[detached] = SharedLauncher(detached=detached)
        return _launchers[detached]


def ends_with_this_process(pod: Closes) -> None:
    """Have the pod closed when this process ends."""
    _pods.add(pod)


def clean_up_lost_pods() -> None:
    """Clean up after pods whose supervisor was killed, and say so."""
    from ecirun.api.saying import say
    from ecirun.runtime import lost

    if os.geteuid() == 0:
        lost.clean_up_lost_pods(say)


def _close_all() -> None:
    from ecirun.runtime import state

    for pod in list(_pods):
        pod.close()
    for one in _launchers.values():
        one.close()
    if _launchers:
        _launchers.clear()
        state.remove_if_empty()
