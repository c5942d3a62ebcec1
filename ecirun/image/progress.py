"""How long work tells how far it is: nothing by default; the command line draws bars or writes lines."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

At = Callable[[int], None]  # is told the position, in bytes


class Progress:
    """Tells nobody anything."""

    @contextlib.contextmanager
    def task(self, title: str, total: int) -> Iterator[At]:
        """A piece of work on `total` bytes (0: unknown). What it gives is to be called with the bytes done so far."""
        yield lambda _position: None

    def say(self, text: str) -> None:
        """One line for the user."""

    def warn(self, text: str) -> None:
        """One line that the user should not miss."""


class Lines(Progress):
    """Hands lines to somebody, and says nothing in between."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def say(self, text: str) -> None:
        """One line for the user."""
        self._say(text)

    def warn(self, text: str) -> None:
        """One line that the user should not miss."""
        self._say(f"warning: {text}")


SILENT = Progress()
