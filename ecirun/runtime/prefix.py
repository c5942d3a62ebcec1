"""The output of several containers on one stream: each line behind the name of its container."""

from __future__ import annotations

import os

CHUNK = 65536


class Prefixer:
    """A pipe for one container's output, whose lines go to the descriptor `target` behind `[name]`."""

    def __init__(self, name: str, target: int) -> None:
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
        if not data and self._rest:
            lines, self._rest = [self._rest], b""
        text = b"".join(self._prefix + line + b"\n" for line in lines)
        while text:
            text = text[os.write(self._target, text) :]
        if not data:
            os.close(self.read_end)
        return bool(data)
