"""What becomes of open connections and pipes when this process is forked.

A child has copies of all of them. With these a pod would outlive the process that runs it, and a program would wait for an
end of file that never comes; so the child closes its copies before it does anything else. A fork waits until no thread is
about to open or close one: a descriptor that is in nobody's hands at that moment would stay open in the child for ever.
"""

from __future__ import annotations

import io
import os
import threading
import weakref
from typing import Protocol


class Open(Protocol):
    """Something that has descriptors."""

    def forget(self) -> None:
        """In a forked child: close its copies."""
        ...


# Held while descriptors are opened and kept, or closed. Nobody asks for another lock under it.
handling = threading.RLock()

_open: weakref.WeakSet[Open] = weakref.WeakSet()
_locks: list[threading.RLock] = []
_held: list[threading.RLock] = []


def lock() -> threading.RLock:
    """A new lock that a fork waits for."""
    new = threading.RLock()
    _locks.append(new)
    return new


def keep(thing: Open) -> None:
    """Have its descriptors closed in children, for as long as it is there."""
    _open.add(thing)


class Pipe(io.FileIO):
    """This process's end of a pipe."""

    def close(self) -> None:
        """Close it, and let no fork fall in between."""
        with handling:
            super().close()


def _before() -> None:
    for one in (*_locks, handling):
        one.acquire()
        _held.append(one)


def _release() -> None:
    while _held:
        _held.pop().release()


def _in_the_child() -> None:
    _release()
    for thing in list(_open):
        thing.forget()
    _open.clear()


os.register_at_fork(before=_before, after_in_parent=_release, after_in_child=_in_the_child)
