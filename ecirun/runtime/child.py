"""A child of a supervisor's that waits for orders."""

from __future__ import annotations

import os
import signal

from ecirun.linux.sockets import Socket
from ecirun.record import Record


class Child(Record):
    """A process that waits for orders, as its supervisor holds it.

    `keeper` is the pid and a pidfd of the process that keeps its memory until it has executed, if there is one.
    """

    pid: int
    pidfd: int
    end: Socket
    keeper: tuple[int, int] | None = None

    def collect(self) -> None:
        """Wait for its end, and let nothing of it be left."""
        os.waitpid(self.pid, 0)
        os.close(self.pidfd)
        if self.keeper is not None:
            end_keeper(self.keeper)


def kill_keeper(keeper: tuple[int, int]) -> None:
    """Have it end: the memory of an interpreter is taken down, which is slow."""
    signal.pidfd_send_signal(keeper[1], signal.SIGKILL)


def end_keeper(keeper: tuple[int, int]) -> None:
    """Kill it and wait for its end."""
    pid, pidfd = keeper
    kill_keeper(keeper)
    os.waitpid(pid, 0)
    os.close(pidfd)
