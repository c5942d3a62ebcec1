"""The output of several containers on one stream: each line behind the name of its container.

What is a line waits for its end up to a limit. A longer one is shown as it comes, and when another container gets a word in
meanwhile, its rest stands behind the name again.
"""

from __future__ import annotations

import os

CHUNK = 65536


class Target:
    """A descriptor that several show their lines on."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._unfinished: object = None  # whoever has begun a line that has not ended

    def write(self, whose: object, prefix: bytes, lines: list[bytes], rest: bytes) -> None:
        """Write whole lines, and behind them a part of one that the next call of the same goes on with."""
        goes_on = self._unfinished is whose
        pieces = [line + b"\n" for line in lines] + ([rest] if rest else [])
        if not pieces:
            return
        text = prefix.join([b"", *pieces])
        if goes_on:
            text = text[len(prefix) :]
        elif self._unfinished is not None:
            text = b"\n" + text
        self._unfinished = whose if rest else None
        while text:
            text = text[os.write(self.descriptor, text) :]

    def is_inside(self, whose: object) -> bool:
        """Whether the last thing written is a part of a line of theirs."""
        return self._unfinished is whose


class Prefixer:
    """A pipe for one container's output, whose lines go to the target behind `[name]`."""

    def __init__(self, name: str, target: Target) -> None:
        self.read_end, self.write_end = os.pipe2(os.O_CLOEXEC)
        self._prefix = f"[{name}] ".encode()
        self._target = target
        self._rest = b""

    def handed_over(self) -> None:
        """The container has the write end now."""
        os.close(self.write_end)

    def show(self) -> bool:
        """Show what has been written; False at the end."""
        data = os.read(self.read_end, CHUNK)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if not data and (self._rest or self._target.is_inside(self)):
            lines, self._rest = [*lines, self._rest], b""
        part = b""
        if len(self._rest) >= CHUNK:
            part, self._rest = self._rest, b""
        self._target.write(self, self._prefix, lines, part)
        if not data:
            os.close(self.read_end)
        return bool(data)
