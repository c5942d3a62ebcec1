"""The launchers of this process: one of its own, started on first use and shared by all its pods, and the one of detached pods.

A supervisor whose pod has ended makes a sandbox for the next one: nothing of the old one is in it, but a process is saved.

Threads take turns only to fetch a sandbox that is made already; a launch itself holds no lock. A process that is forked from
this one starts anew: it has neither the launchers nor the pods of its parent.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable

from ecirun.plan.model import Groundwork
from ecirun.runtime.launching import Launcher, Sandbox

MOST_AHEAD = 3  # sandboxes that are asked for
MOST_IDLE = 8  # sandboxes in all, of which those of many threads' pods are kept for their next ones


class SharedLauncher:
    """A launcher that several threads use."""

    def __init__(self, *, shared: bool) -> None:
        self.launcher = Launcher(shared=shared)
        self.fault = self.launcher.fault
        self._lock = threading.Lock()
        self._ahead = 1
        self._idle: list[Sandbox] = []

    @property
    def ready(self) -> bool:
        """Whether it is started."""
        return True

    def take(self, groundwork: Groundwork) -> Sandbox:
        """A sandbox; another is made ahead for whoever comes next. Raises HostUnsupported or LaunchFailed."""
        with self._lock:
            for index, sandbox in enumerate(self._idle):
                if sandbox.groundwork == groundwork:
                    return self._idle.pop(index)
            if self.launcher.asked == 0 and self.launcher.end is not None:
                self._ahead = min(self._ahead + 1, MOST_AHEAD)  # somebody else took what was ahead
            sandbox = self.launcher.take(groundwork)
            while self.launcher.asked < self._ahead:
                self.launcher.ask(groundwork)
            return sandbox

    def give_back(self, sandbox: Sandbox) -> None:
        """A supervisor that is free again."""
        with self._lock:
            if self.launcher.end is not None and len(self._idle) + self.launcher.asked < MOST_IDLE:
                self._idle.append(sandbox)
            else:
                sandbox.end.close()

    def close(self, *, wait: bool = True) -> None:
        """Let it end."""
        with self._lock:
            self._close_idle()
            self.launcher.close(wait=wait)

    def forget(self) -> None:
        """In a forked child: it is the parent's."""
        self._close_idle()
        if self.launcher.end is not None:
            self.launcher.end.close()
            self.launcher.end = None

    def _close_idle(self) -> None:
        for sandbox in self._idle:
            sandbox.end.close()
        self._idle = []


_launchers: dict[bool, SharedLauncher] = {}
_lock = threading.Lock()
_on_fork: list[Callable[[], None]] = []


def launcher(*, detached: bool) -> SharedLauncher:
    """The launcher for pods that end with this process, or for those that do not."""
    with _lock:
        if detached not in _launchers:
            if not _launchers:
                _clean_up_lost_pods()
                atexit.register(_close_all)
            _launchers[detached] = SharedLauncher(shared=detached)
        return _launchers[detached]


def on_fork(callback: Callable[[], None]) -> None:
    """Call back in processes that are forked from this one."""
    _on_fork.append(callback)


def _clean_up_lost_pods() -> None:
    import warnings

    from ecirun.runtime import lost

    if os.geteuid() == 0:
        lost.clean_up_lost_pods(lambda text: warnings.warn(f"ecirun: {text}", stacklevel=4))


def _close_all() -> None:
    from ecirun.runtime import state

    for one in _launchers.values():
        one.close()
    if _launchers:
        _launchers.clear()
        state.remove_if_empty()


def _forget() -> None:
    """In a forked child: the parent's launchers and pods are the parent's. Threads that are gone may have held locks."""
    global _lock
    for one in _launchers.values():
        one.forget()
    _launchers.clear()
    _lock = threading.Lock()
    for callback in _on_fork:
        callback()


os.register_at_fork(after_in_child=_forget)
