"""Writing to a program and reading its two streams at once, so that neither side waits for the other for ever."""

from __future__ import annotations

import fcntl
import os
import select
import struct
from io import FileIO

CHUNK = 65536

# include/uapi/asm-generic/ioctls.h
FIONREAD = 0x541B


class Conversation:
    """What is still to be written, and what has been read."""

    def __init__(self, stdin: FileIO | None, stdout: FileIO, stderr: FileIO, data: bytes) -> None:
        self._stdin = stdin
        self._left = memoryview(data)
        self._read: dict[int, list[bytes]] = {stdout.fileno(): [], stderr.fileno(): []}
        self._open = set(self._read)
        self._poll = select.poll()
        for descriptor in self._open:
            self._poll.register(descriptor, select.POLLIN)
        if stdin is not None:
            os.set_blocking(stdin.fileno(), False)
            self._poll.register(stdin.fileno(), select.POLLOUT)
            self._end_input_when_written()

    @property
    def is_open(self) -> bool:
        """Whether somebody may still write to one of the streams."""
        return bool(self._open)

    @property
    def heard(self) -> tuple[bytes, bytes]:
        """What has been read of each stream."""
        out, err = (b"".join(chunks) for chunks in self._read.values())
        return out, err

    def turn(self, other: int, timeout: float | None) -> bool:
        """Read and write what can be now, after `timeout` milliseconds at the latest; whether `other` can be read."""
        self._poll.register(other, select.POLLIN)
        ready = {descriptor for descriptor, _events in self._poll.poll(timeout)}
        for descriptor in self._open & ready:
            self._read_some(descriptor, CHUNK)
        if self._stdin is not None and self._stdin.fileno() in ready:
            self._write_some(self._stdin.fileno())
        return other in ready

    def read_what_is_there(self) -> None:
        """Read what the streams hold at this moment; whoever still has them may write more."""
        for descriptor in tuple(self._open):
            (left,) = struct.unpack("i", fcntl.ioctl(descriptor, FIONREAD, bytes(4)))
            while left > 0 and (count := self._read_some(descriptor, left)):
                left -= count

    def _read_some(self, descriptor: int, most: int) -> int:
        data = os.read(descriptor, most)
        self._read[descriptor].append(data)
        if not data:
            self._open.discard(descriptor)
            self._poll.unregister(descriptor)
        return len(data)

    def _write_some(self, descriptor: int) -> None:
        try:
            self._left = self._left[os.write(descriptor, self._left[:CHUNK]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._left = memoryview(b"")  # it does not want to read more
        self._end_input_when_written()

    def _end_input_when_written(self) -> None:
        if self._stdin is not None and not self._left:
            self._poll.unregister(self._stdin.fileno())
            self._stdin.close()
            self._stdin = None
