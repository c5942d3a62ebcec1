"""Reading the logs that `logs` writes, while they grow, rotate and begin anew."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Iterable, Iterator

from ecirun.record import Record

CHUNK = 65536


class Entry(Record):
    """One entry: its moment (RFC 3339, nanoseconds, UTC), the stream, whether it ends a line, and its bytes."""

    moment: str
    stream: str
    whole: bool
    data: bytes


def parse(line: bytes) -> Entry | None:
    """The entry in one line of a log; None for what is none, such as the torn end of a log after a crash."""
    parts = line.split(b" ", 3)
    if len(parts) != 4 or parts[1] not in (b"stdout", b"stderr") or parts[2] not in (b"F", b"P"):
        return None
    return Entry(parts[0].decode("ascii", "replace"), parts[1].decode(), parts[2] == b"F", parts[3])


class Follower:
    """A log from its beginning, and then what is added to it: each entry once, over rotations and restarts.

    What was rotated away twice between two looks is gone; the log is bounded.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = -1
        self._rest = b""

    def __enter__(self) -> Follower:
        return self

    def __exit__(self, *_reason: object) -> None:
        self.close()

    def new(self) -> Iterator[Entry]:
        """The entries since the last call; the first time, all that there are."""
        if self._file < 0 and not self._go_on_to_the_next(None):
            return
        while True:
            yield from self._read()
            if not self._was_left():
                return
            # Nothing is written to a file after it was renamed, but something may have been before.
            yield from self._read()
            left = self._file
            try:
                if not self._go_on_to_the_next(os.fstat(left)):
                    self._file = left
                    return
            finally:
                if self._file != left:
                    os.close(left)

    def close(self) -> None:
        """No more of it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _go_on_to_the_next(self, before: os.stat_result | None) -> bool:
        """Open the file to read now: what the last rotation has put aside, unless that was read `before`, else the log."""
        for name in (f"{self.path}.1", self.path):
            with contextlib.suppress(FileNotFoundError):
                descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
                if before is None or not os.path.samestat(before, os.fstat(descriptor)):
                    self._file, self._rest = descriptor, b""
                    return True
                os.close(descriptor)
        return False

    def _read(self) -> Iterator[Entry]:
        while data := os.read(self._file, CHUNK):
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                if entry := parse(line):
                    yield entry

    def _was_left(self) -> bool:
        """Whether the log goes on in another file."""
        try:
            return not os.path.samestat(os.stat(self.path), os.fstat(self._file))
        except FileNotFoundError:
            return False


def read_all(path: str) -> Iterator[Entry]:
    """The entries of a log, those from before its last rotation first."""
    with Follower(path) as follower:
        yield from follower.new()


def end_of(path: str, most: int) -> list[Entry]:
    """The entries in the last `most` bytes of a log."""
    data = b""
    for name in (path, f"{path}.1"):
        with contextlib.suppress(FileNotFoundError), open(name, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - (most - len(data))))
            data = file.read(most - len(data)) + data
    return [entry for line in data.split(b"\n") if (entry := parse(line))]


def last_lines(entries: Iterable[Entry], count: int) -> list[Entry]:
    """The entries of the last `count` lines of output; a line that was written in parts counts once."""
    kept: deque[Entry] = deque()
    starts: deque[int] = deque()  # where each of the last lines begins, counted over all entries
    inside: set[str] = set()  # the streams whose last entry did not end a line
    dropped = 0
    for number, entry in enumerate(entries):
        if entry.stream not in inside:
            starts.append(number)
        if entry.whole:
            inside.discard(entry.stream)
        else:
            inside.add(entry.stream)
        kept.append(entry)
        if len(starts) > count:
            starts.popleft()
        while kept and dropped < (starts[0] if starts else number + 1):
            kept.popleft()
            dropped += 1
    return list(kept)
