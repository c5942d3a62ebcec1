"""How far a long check has come, on a terminal only."""

from __future__ import annotations

import sys
import time

from ecirun.cli import streams

FIRST, EVERY = 1.0, 0.2  # seconds


class Progress:
    """One line on stderr that is written over and, before anything else is said, taken away."""

    def __init__(self, *, wanted: bool) -> None:
        self.on = wanted and sys.stderr.isatty()
        self.pods = 0
        self.shown = False
        self.next = time.monotonic() + FIRST if self.on else 0.0

    def step(self, file: str) -> None:
        """One pod more was judged."""
        self.pods += 1
        if self.on and time.monotonic() >= self.next:
            self.next = time.monotonic() + EVERY
            streams.err(f"\r\x1b[Kecirun: {self.pods} pods judged, {file}"[:120], end="")
            self.shown = True

    def clear(self) -> None:
        """Take the line away."""
        if self.shown:
            streams.err("\r\x1b[K", end="")
            self.shown = False
