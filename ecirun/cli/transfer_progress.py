"""How far long work is, on stderr: a bar on a terminal, a line per task that took long in a log, nothing with -q."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator

from ecirun.cli import streams
from ecirun.image.progress import At, Progress

REDRAW = 0.1  # seconds
WORTH_A_LINE = 0.5  # seconds
LOG_EVERY = 10.0  # seconds; a task of a log that takes longer shows that it lives
BAR, SHORTEST_BAR = 24, 6  # characters


class ShownProgress(Progress):
    """Speaks on stderr as all of ecirun does."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def say(self, text: str) -> None:
        """One line for the user."""
        if not self._quiet:
            streams.err(f"ecirun: {text}")

    def warn(self, text: str) -> None:
        """One line that the user should not miss."""
        self.say(f"warning: {text}")

    @contextlib.contextmanager
    def task(self, title: str, total: int) -> Iterator[At]:
        """A piece of work on `total` bytes (0: unknown)."""
        if self._quiet:
            yield lambda _position: None
            return
        task = _TerminalTask(title, total) if self._terminal else _LoggedTask(title, total)
        try:
            yield task.at
        except BaseException:
            task.give_up()
            raise
        task.end()


class _LoggedTask:
    def __init__(self, title: str, total: int) -> None:
        self.title, self.total, self.position = title, total, 0
        self.start = self.shown = time.monotonic()
        self.every = LOG_EVERY

    def at(self, position: int) -> None:
        self.position = position
        now = time.monotonic()
        if now - self.shown >= self.every:
            self.shown = now
            self.show()

    def show(self) -> None:
        _say(f"{self.title}: {self.how_far()}")

    def give_up(self) -> None:
        pass

    def end(self) -> None:
        seconds = time.monotonic() - self.start
        if seconds < WORTH_A_LINE:
            return
        done = max(self.position, self.total)
        how_much = f"{megabytes(done)} MB in {seconds:.1f} s ({megabytes(done / max(seconds, 1e-3))} MB/s)"
        _say(f"{self.title}: {how_much if done else f'done in {seconds:.1f} s'}")

    def how_far(self) -> str:
        """Bytes, rate, and the time that is left."""
        rate = self.position / max(time.monotonic() - self.start, 1e-3)
        if not self.total:
            return f"{megabytes(self.position)} MB  {megabytes(rate)} MB/s" if self.position else "…"
        left = f"  {clock((self.total - self.position) / rate)} left" if rate and self.position <= self.total else ""
        return f"{megabytes(self.position)}/{megabytes(self.total)} MB  {megabytes(rate)} MB/s{left}"


class _TerminalTask(_LoggedTask):
    def __init__(self, title: str, total: int) -> None:
        super().__init__(title, total)
        self.every = REDRAW
        self.show()

    def show(self) -> None:
        head, tail = f"ecirun: {self.title}  ", self.how_far()
        room = _columns() - 1
        bar = self._bar(min(BAR, room - len(head) - len(tail) - len("[]  ")))
        sys.stderr.write(f"\r{(head + bar + tail)[:room]}\x1b[K")
        sys.stderr.flush()

    def give_up(self) -> None:
        # What is said next begins on a clean line.
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()

    def end(self) -> None:
        self.give_up()
        super().end()

    def _bar(self, width: int) -> str:
        if not self.total or width < SHORTEST_BAR:
            return ""
        full = min(width, self.position * width // self.total)
        return f"[{'#' * full}{'-' * (width - full)}]  "


def megabytes(count: float) -> str:
    """Bytes in megabytes, to one place."""
    return f"{count / 1e6:.1f}"


def clock(seconds: float) -> str:
    """Minutes and seconds, 1:05."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _say(text: str) -> None:
    streams.err(f"ecirun: {text}")


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80
