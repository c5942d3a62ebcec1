"""Starting a program from a process that prepared for it but does not become it (posix_spawn(3)).

The new process shares the memory of this one until its program runs, and nobody may look at that; with `setns` it may be in a
PID namespace that this process is never seen in.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct

from ecirun.linux.sockets import Socket
from ecirun.runtime import messages
from ecirun.runtime.messages import Message

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Any

# include/uapi/asm-generic/ioctls.h
TIOCGPTN = 0x80045430


def spawn(
    program: str, argv: tuple[str, ...], env: dict[str, str], *, streams: tuple[int, ...] = (), terminal: int = -1
) -> int:
    """The pid of a new process in a session of its own, with default signals. Raises OSError when it cannot be executed.

    `streams` become its standard streams; without them it has this process's own. `terminal` is the ruling end of a terminal
    of this root's devpts, which becomes the controlling terminal and all three streams.
    """
    actions: list[Any] = [(os.POSIX_SPAWN_DUP2, stream, number) for number, stream in enumerate(streams)]
    if terminal >= 0:
        (number,) = struct.unpack("i", fcntl.ioctl(terminal, TIOCGPTN, struct.pack("i", 0)))
        # A session leader without a terminal takes the first that it opens.
        actions = [(os.POSIX_SPAWN_OPEN, 0, f"/dev/pts/{number}", os.O_RDWR, 0)]
        actions += [(os.POSIX_SPAWN_DUP2, 0, standard) for standard in (1, 2)]
    ordinary = [number for number in range(1, 32) if number not in (signal.SIGKILL, signal.SIGSTOP)]
    return os.posix_spawn(program, argv, env, file_actions=actions, setsid=True, setsigmask=(), setsigdef=ordinary)


def wait(pid: int, pidfd: int, orders: Socket) -> Message:
    """How the program ended. Meanwhile signals that `orders` asks for are passed on.

    The end of `orders` means to kill the program and what it started in its process group.
    """
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(orders.fileno(), select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _events in poll.poll()}
        if orders.fileno() in ready:
            message, _descriptors = messages.receive(orders)
            if message is None:
                poll.unregister(orders.fileno())
                _kill_group(pid)
            else:
                send_signal(pidfd, message["signal"])
        if pidfd in ready:
            return exit_message(os.waitpid(pid, 0)[1])


def _kill_group(leader: int) -> None:
    # The leader is not reaped yet, so nobody else can have its number.
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def send_signal(pidfd: int, number: int) -> None:
    """Send a signal to a process that may be gone."""
    try:
        signal.pidfd_send_signal(pidfd, number)
    except (ProcessLookupError, PermissionError):
        pass


def exit_message(status: int) -> Message:
    """A wait status as `exited` (the code as a shell gives it) and `signal` (None unless one ended it)."""
    code = os.waitstatus_to_exitcode(status)
    return {"exited": code if code >= 0 else 128 - code, "signal": -code if code < 0 else None}
