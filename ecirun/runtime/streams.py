"""The standard streams of a command in the foreground, as the workload gets them.

A workload that is root can do to a file that it has open what its owner can, by /proc/self/fd: make it a set-uid program, give
it away. It can read what is typed into a terminal that it should only write to, and type there itself. So it is lent only what
nobody else can name: pipes without a name and sockets, and devices such as /dev/null, of which it opens its own. Files,
terminals and named pipes stay here, and a pipe leads to them. Docker and Kubernetes give a workload that has no terminal of its
own pipes, too.
"""

from __future__ import annotations

import contextlib
import os
import stat

from ecirun.errors import EcirunError
from ecirun.linux.devices import stateless_device
from ecirun.linux.filesystem import PIPEFS_MAGIC, filesystem_type

CHUNK = 65536


def can_be_lent(descriptor: int) -> bool:
    """Whether a workload may have this descriptor itself."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISFIFO(mode):
        return filesystem_type(descriptor) == PIPEFS_MAGIC
    return stat.S_ISSOCK(mode) or bool(stateless_device(descriptor))


class Output:
    """A pipe whose other end leads to a descriptor of this process."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.problem = ""  # why something could not be written
        self.read_end, self.write_end = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.read_end, False)

    def handed_over(self) -> None:
        """The workload has the write end now."""
        os.close(self.write_end)

    def show(self) -> bool:
        """Write what there is at this moment; False when there is nothing, or will be nothing any more."""
        try:
            data = os.read(self.read_end, CHUNK)
        except BlockingIOError:
            return False
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self.target, rest) :]
        except OSError as error:
            self.problem, data = error.strerror or "", b""
        if not data:
            self.close()  # whoever still writes hears of it: SIGPIPE
        return bool(data)

    def close(self) -> None:
        """Read no more."""
        if self.read_end >= 0:
            os.close(self.read_end)
            self.read_end = -1


class Input:
    """A pipe that this process fills from a descriptor, no further ahead than the pipe is long."""

    def __init__(self, source: int) -> None:
        self.source = source
        self.read_end, self.write_end = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.write_end, False)
        self._pending = b""

    def handed_over(self) -> None:
        """The workload has the read end now."""
        os.close(self.read_end)

    def readable(self) -> list[int]:
        """The descriptors to wait on for reading."""
        return [self.source] if self.write_end >= 0 and not self._pending else []

    def writable(self) -> list[int]:
        """The descriptors to wait on for writing."""
        return [self.write_end] if self._pending else []

    def serve(self, ready: set[int]) -> None:
        """Move what can be moved without waiting."""
        if self.source in ready and self.write_end >= 0 and not self._pending:
            try:
                self._pending = os.read(self.source, CHUNK)
            except OSError:
                self._pending = b""  # a terminal that is gone
            if not self._pending:
                return self.close()
        if self._pending:
            with contextlib.suppress(BlockingIOError):
                try:
                    self._pending = self._pending[os.write(self.write_end, self._pending) :]
                except BrokenPipeError:
                    self.close()
        return None

    def close(self) -> None:
        """Write no more."""
        if self.write_end >= 0:
            os.close(self.write_end)
        self.write_end, self._pending = -1, b""


class Streams:
    """Of this process's streams what a workload gets: `stdin`, `stdout` and `stderr`; `null` in place of one."""

    def __init__(self, *, stdin: bool) -> None:
        self.null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        self.input = None if not stdin or can_be_lent(0) else Input(0)
        self.outputs: list[Output] = []
        self.stdin = self.input.read_end if self.input else 0 if stdin else self.null
        self.stdout = self._output(1)
        # What is written to both shall stay in its order.
        same = self.outputs and os.path.sameopenfile(1, 2)
        self.stderr = self.stdout if same else self._output(2)

    def _output(self, descriptor: int) -> int:
        if can_be_lent(descriptor):
            return descriptor
        self.outputs.append(Output(descriptor))
        return self.outputs[-1].write_end

    def handed_over(self) -> None:
        """The workload has its ends now."""
        os.close(self.null)
        for output in self.outputs:
            output.handed_over()
        if self.input:
            self.input.handed_over()

    def close(self) -> None:
        """The workload has ended, and all that it wrote is read."""
        for output in self.outputs:
            output.close()
        if self.input:
            self.input.close()

    def check(self) -> None:
        """Raise EcirunError when something of the workload's output is lost."""
        for output in self.outputs:
            if output.problem:
                raise EcirunError(f"Can't write the workload's output: {output.problem}", hint="send it somewhere else")
