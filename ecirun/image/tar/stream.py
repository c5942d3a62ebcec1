"""Bytes that come once, in chunks of any size, handed out in the portions that a reader asks for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from ecirun.image.bad_image import BadImage

CHUNK: Final = 1 << 18  # bytes; the memory that reading takes is a few of these, however large the file


class Truncated(BadImage):
    """The bytes ended before the portion was whole."""

    def __init__(self) -> None:
        super().__init__("it is cut short")


class ByteStream:
    """Portions of a sequence of chunks. Only `take` copies."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._chunk = b""
        self._at = 0

    def take(self, count: int) -> bytes:
        """Exactly `count` bytes. Raises Truncated."""
        end = self._at + count
        if end <= len(self._chunk):
            portion = self._chunk[self._at : end]
            self._at = end
            return portion
        return b"".join(self.pieces(count))

    def take_or_end(self, count: int) -> bytes:
        """Exactly `count` bytes, or none when all are read. Raises Truncated."""
        if self._at == len(self._chunk) and not self._next():
            return b""
        return self.take(count)

    def pieces(self, count: int) -> Iterator[memoryview]:
        """Exactly `count` bytes, in as many pieces as they came in. Raises Truncated."""
        while count:
            if self._at == len(self._chunk) and not self._next():
                raise Truncated
            piece = memoryview(self._chunk)[self._at : self._at + count]
            self._at += len(piece)
            count -= len(piece)
            yield piece

    def skip(self, count: int) -> None:
        """Leave out `count` bytes. Raises Truncated."""
        if self._at + count <= len(self._chunk):
            self._at += count
            return
        for _piece in self.pieces(count):
            pass

    def drain(self) -> None:
        """Read what is left."""
        while self._next():
            pass

    def _next(self) -> bool:
        # An empty chunk is no end.
        self._at = 0
        for chunk in self._chunks:
            if chunk:
                self._chunk = chunk
                return True
        self._chunk = b""
        return False


class FileStream(ByteStream):
    """The bytes of a seekable file from its start; what is skipped is not read."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(iter(()))
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size
        self._read_to = 0

    @property
    def position(self) -> int:
        """The offset of the next byte."""
        return self._read_to - len(self._chunk) + self._at

    def skip(self, count: int) -> None:
        """Leave out `count` bytes. Raises Truncated."""
        beyond = self._at + count - len(self._chunk)
        if beyond <= 0:
            self._at += count
            return
        if self._read_to + beyond > self._size:
            raise Truncated
        self._read_to += beyond
        self._chunk, self._at = b"", 0

    def _next(self) -> bool:
        # Small: between two headers lies a file that is skipped.
        self._chunk, self._at = os.pread(self._descriptor, CHUNK >> 4, self._read_to), 0
        self._read_to += len(self._chunk)
        return bool(self._chunk)
