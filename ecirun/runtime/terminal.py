"""The user's terminal on one side, the container's on the other: raw bytes both ways, sizes, and everything put back."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import termios
import tty

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Any

CHUNK = 65536


def window_size() -> tuple[int, ...]:
    """Rows, columns, and both in pixels, of the user's terminal; empty without one. The container's begins with that size."""
    try:
        size = fcntl.ioctl(1 if os.isatty(1) else 0, termios.TIOCGWINSZ, bytes(8))
    except OSError:
        return ()
    return struct.unpack("HHHH", size)


class Terminal:
    """The relay between this process's stdin and stdout and the container's terminal."""

    def __init__(self, container: int, *, stdin: bool) -> None:
        self.container = container
        self.pending = b""
        self.stdin = 0 if stdin else -1
        self.saved: tuple[int, list[Any]] | None = None
        if stdin and os.isatty(0):
            self.saved = 0, termios.tcgetattr(0)
            tty.setraw(0, termios.TCSANOW)
        elif os.isatty(1):
            # The container's terminal ends its lines in CR LF already. Keys keep their meaning for this process.
            self.saved = 1, termios.tcgetattr(1)
            plain = termios.tcgetattr(1)
            plain[tty.OFLAG] &= ~termios.OPOST
            termios.tcsetattr(1, termios.TCSANOW, plain)
        os.set_blocking(container, False)
        self.resize()  # it may have changed since

    def readable(self) -> list[int]:
        """The descriptors to wait on for reading."""
        waiting = [self.container] if self.container >= 0 else []
        # Do not read ahead of a workload that does not read.
        return [*waiting, self.stdin] if self.stdin >= 0 and len(self.pending) < CHUNK else waiting

    def writable(self) -> list[int]:
        """The descriptors to wait on for writing."""
        return [self.container] if self.pending and self.container >= 0 else []

    def serve(self, ready: set[int]) -> None:
        """Move what can be moved without waiting."""
        if self.stdin in ready:
            data = os.read(self.stdin, CHUNK)
            if data:
                self.pending += data
            else:
                # A terminal has no end of file; its line discipline makes one of ^D.
                self.pending += b"\x04"
                self.stdin = -1
        self._feed()
        if self.container in ready:
            self._show()

    def drain(self) -> None:
        """Show what the workload wrote before it ended."""
        while self.container >= 0 and self._show():
            pass

    def resize(self) -> None:
        """Give the container's terminal the size of the user's."""
        size = window_size()
        if size:
            with contextlib.suppress(OSError):
                fcntl.ioctl(self.container, termios.TIOCSWINSZ, struct.pack("HHHH", *size))

    def restore(self) -> None:
        """Put the user's terminal back as it was."""
        if self.saved is not None:
            descriptor, attributes = self.saved
            termios.tcsetattr(descriptor, termios.TCSADRAIN, attributes)

    def _feed(self) -> None:
        if not self.pending or self.container < 0:
            return
        with contextlib.suppress(BlockingIOError, OSError):
            self.pending = self.pending[os.write(self.container, self.pending) :]

    def _show(self) -> bool:
        try:
            data = os.read(self.container, CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            # EIO: nobody has the other end open any more.
            data = b""
        if not data:
            os.close(self.container)
            self.container = -1
            return False
        while data:
            data = data[os.write(1, data) :]
        return True
