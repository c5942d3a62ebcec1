"""Waiting for descriptors and for moments at once, in one thread.

Moments are on the monotonic clock: setting the host's clock neither hastens nor delays anything.
"""

from __future__ import annotations

import heapq
import itertools
import select
import time
from collections.abc import Callable

Callback = Callable[[], object]


class Timer:
    """A callback that is due at a moment, unless it is cancelled before."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callback) -> None:
        self.callback: Callback | None = callback

    def cancel(self) -> None:
        """Never mind."""
        self.callback = None


class Loop:
    """Calls back when a descriptor is ready or a timer is due, until `done` is set."""

    def __init__(self) -> None:
        self.done = False
        self._poll = select.epoll(flags=select.EPOLL_CLOEXEC)
        self._readers: dict[int, Callback] = {}
        self._writers: dict[int, Callback] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._count = itertools.count()

    def on_readable(self, descriptor: int, callback: Callback | None) -> None:
        """Call back whenever the descriptor can be read or its other end is closed; None ends that."""
        self._change(self._readers, descriptor, callback)

    def on_writable(self, descriptor: int, callback: Callback | None) -> None:
        """Call back whenever the descriptor can be written; None ends that."""
        self._change(self._writers, descriptor, callback)

    def now(self) -> float:
        """The moment, in seconds of the clock that timers go by."""
        return time.monotonic()

    def after(self, seconds: float, callback: Callback) -> Timer:
        """Call back once, that much later."""
        timer = Timer(callback)
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._count), timer))
        return timer

    def run(self) -> None:
        """Until `done`."""
        while not self.done:
            self._call_due()
            if self.done:
                return
            self._turn(self._patience())

    def turn(self) -> None:
        """Call back for what is ready now."""
        self._turn(0.0)

    def _turn(self, patience: float | None) -> None:
        for descriptor, events in self._poll.poll(patience):
            self._call(descriptor, events)

    def _call(self, descriptor: int, events: int) -> None:
        # A callback may have ended the watch on a descriptor that became ready at the same time.
        if events & (select.EPOLLOUT | select.EPOLLERR) and descriptor in self._writers:
            self._writers[descriptor]()
        if events & ~select.EPOLLOUT and descriptor in self._readers:
            self._readers[descriptor]()

    def _patience(self) -> float | None:
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        return max(0.0, self._timers[0][0] - time.monotonic())

    def _call_due(self) -> None:
        while self._timers and self._timers[0][0] <= time.monotonic():
            timer = heapq.heappop(self._timers)[2]
            if timer.callback is not None:
                callback, timer.callback = timer.callback, None
                callback()

    def _change(self, table: dict[int, Callback], descriptor: int, callback: Callback | None) -> None:
        was_watched = descriptor in self._readers or descriptor in self._writers
        if callback is None:
            table.pop(descriptor, None)
        else:
            table[descriptor] = callback
        wanted = select.EPOLLIN if descriptor in self._readers else 0
        wanted |= select.EPOLLOUT if descriptor in self._writers else 0
        if not wanted:
            if was_watched:
                self._poll.unregister(descriptor)
        elif was_watched:
            self._poll.modify(descriptor, wanted)
        else:
            self._poll.register(descriptor, wanted)
