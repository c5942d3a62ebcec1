"""Reading the logs that `logs` writes, while they grow and rotate."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple


class Entry(NamedTuple):
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


def read_all(path: str) -> Iterator[Entry]:
    """The entries of a log, those from before its last rotation first."""
    for name in (f"{path}.1", path):
        try:
            with open(name, "rb") as file:
                for line in file:
                    if entry := parse(line.rstrip(b"\n")):
                        yield entry
        except FileNotFoundError:
            continue


class Follower:
    """What is added to a log from now on."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = -1
        self._rest = b""
        self._open()
        if self._file >= 0:
            os.lseek(self._file, 0, os.SEEK_END)

    def _open(self) -> None:
        try:
            self._file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._file = -1

    def new(self) -> Iterator[Entry]:
        """The entries since the last call."""
        while True:
            yield from self._read()
            if not self._rotated():
                return
            if self._file >= 0:
                os.close(self._file)
            self._open()
            if self._file < 0:
                return

    def _read(self) -> Iterator[Entry]:
        while self._file >= 0 and (data := os.read(self._file, 65536)):
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                if entry := parse(line):
                    yield entry

    def _rotated(self) -> bool:
        try:
            now = os.stat(self.path)
        except FileNotFoundError:
            return False
        return self._file < 0 or not os.path.samestat(now, os.fstat(self._file))


def last_lines(entries: list[Entry], count: int) -> list[Entry]:
    """The entries of the last `count` lines of output; a line that was written in parts counts once."""
    if count <= 0:
        return []
    found = 0
    for index in range(len(entries) - 1, -1, -1):
        # A line begins behind the end of the one before it in its stream.
        previous = next((entry for entry in reversed(entries[:index]) if entry.stream == entries[index].stream), None)
        if previous is None or previous.whole:
            found += 1
            if found == count:
                return entries[index:]
    return entries
