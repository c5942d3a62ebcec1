"""What containers write, as files in the format of container runtimes' logs (CRI).

    2026-11-24T10:00:00.000000001Z stdout F a whole line
    2026-11-24T10:00:00.000000002Z stderr P a part of a line, which the next entry of the stream goes on with

Rules: Kubernetes' design proposal kubelet-cri-logging.md; containerd internal/cri/io/logger.go (16 KiB at most in an entry, an
end without a newline is a part).
"""

from __future__ import annotations

import contextlib
import os
import time
from functools import partial

from ecirun.runtime.loop import Loop

LONGEST = 16384
CHUNK = 65536
MOST_TURNS = 64  # a pipe holds 1 MiB at most; who fills it faster than it is read shall not hold us up


class LogFile:
    """The log of one container: `path`, and `path`.1 with what was before the last rotation. At most `limit` bytes in both.

    Who never writes has no file.
    """

    def __init__(self, path: str, limit: int) -> None:
        self.path = path
        self.limit = limit
        self.lost = 0
        self._descriptor = -1
        self._size = 0

    def write(self, entries: bytes) -> None:
        """Append whole entries. A full disk loses them, and the log says so when there is room again."""
        # Short lines are ten times as long with their marks: what came in one piece may not fit in one file.
        while len(entries) > self.limit // 2 and (cut := entries.rfind(b"\n", 0, self.limit // 2) + 1):
            self._append(entries[:cut])
            entries = entries[cut:]
        if entries:
            self._append(entries)

    def _append(self, entries: bytes) -> None:
        if self._size and self._size + len(entries) > self.limit // 2:
            self._rotate()
        try:
            if self._descriptor < 0:
                self._open()
            if self.lost:
                note = f"ecirun: {self.lost} bytes of output were lost: the disk was full\n"
                entries = entry_prefix("stderr", "F") + note.encode() + entries
            written = os.write(self._descriptor, entries)
            if written < len(entries):
                os.ftruncate(self._descriptor, self._size)
                raise OSError
        except OSError:
            self.lost += len(entries)
            return
        self.lost = 0
        self._size += written

    def close(self) -> None:
        """No more entries."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        with contextlib.suppress(FileExistsError):
            os.mkdir(os.path.dirname(self.path), 0o700)
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._descriptor).st_size

    def _rotate(self) -> None:
        os.replace(self.path, f"{self.path}.1")
        self.close()
        self._size = 0


def entry_prefix(stream: str, tag: str) -> bytes:
    """The beginning of an entry that is written now."""
    nanoseconds = time.time_ns()
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(nanoseconds // 10**9))
    return f"{moment}.{nanoseconds % 10**9:09d}Z {stream} {tag} ".encode()


class Entries:
    """Turns one stream's bytes into entries."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self._rest = b""

    def of(self, data: bytes) -> bytes:
        """The entries that are complete with `data`."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if not lines and len(self._rest) <= LONGEST:
            return b""
        full, part = entry_prefix(self.stream, "F"), entry_prefix(self.stream, "P")
        if all(len(line) <= LONGEST for line in lines):
            entries = [full + line + b"\n" for line in lines]
        else:
            entries = [entry for line in lines for entry in self._cut(line, full, part)]
        while len(self._rest) > LONGEST:
            entries.append(part + self._rest[:LONGEST] + b"\n")
            self._rest = self._rest[LONGEST:]
        return b"".join(entries)

    def last(self) -> bytes:
        """The entry of what was written without a newline at the end."""
        rest, self._rest = self._rest, b""
        return entry_prefix(self.stream, "P") + rest + b"\n" if rest else b""

    def _cut(self, line: bytes, full: bytes, part: bytes) -> list[bytes]:
        cuts = range(0, max(len(line), 1), LONGEST)
        pieces = [line[start : start + LONGEST] for start in cuts]
        return [*(part + piece + b"\n" for piece in pieces[:-1]), full + pieces[-1] + b"\n"]


class Capture:
    """The pipes that a container writes into, read into its log once that is known."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.log: LogFile | None = None
        self.open: dict[int, Entries] = {}
        self.write_ends: list[int] = []
        for stream in ("stdout", "stderr"):
            read_end, write_end = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(read_end, False)
            self.open[read_end] = Entries(stream)
            self.write_ends.append(write_end)

    def handed_over(self) -> None:
        """The container has the write ends now."""
        for write_end in self.write_ends:
            os.close(write_end)
        self.write_ends = []

    def into(self, log: LogFile) -> None:
        """Read what is written into this log from now on."""
        self.log = log
        for read_end in self.open:
            self.loop.on_readable(read_end, partial(self._read, read_end))

    def finish(self) -> None:
        """The container has ended: read what it wrote, and do not wait for others that still hold its pipes."""
        self.handed_over()
        self.drain()
        for descriptor in list(self.open):
            self._close(descriptor)
        if self.log is not None:
            self.log.close()

    def drain(self) -> None:
        """Read what has been written up to now."""
        for descriptor in list(self.open):
            for _turn in range(MOST_TURNS):
                if descriptor not in self.open or not self._read(descriptor):
                    break

    def _read(self, descriptor: int) -> bool:
        if self.log is None:
            return False
        try:
            data = os.read(descriptor, CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._close(descriptor)
            return False
        self.log.write(self.open[descriptor].of(data))
        return True

    def _close(self, descriptor: int) -> None:
        entries = self.open.pop(descriptor, None)
        if entries is None:
            return
        self.loop.on_readable(descriptor, None)
        os.close(descriptor)
        if self.log is not None and (last := entries.last()):
            self.log.write(last)
