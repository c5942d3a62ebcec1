"""The process of a launcher: a program of its own, or a fork of a process that has done nothing yet."""

from __future__ import annotations

import os
import sys

from ecirun.linux import sockets
from ecirun.linux.sockets import Socket

# -I and -S: neither the environment nor site-packages' start-up files have a say, and it starts in half the time.
BOOT = "import sys; sys.path[:] = sys.argv[1:]; from ecirun.runtime.launcher import main; main(3)"


def start_launcher_process() -> tuple[Socket, int]:
    """This process's end of the socket to it, and its pid. Raises OSError."""
    argv = [sys.executable, "-I", "-S", "-c", BOOT, *module_path()]
    ours, theirs = sockets.pair()
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)]
    try:
        return ours, os.posix_spawn(sys.executable, argv, {}, file_actions=actions)
    except OSError:
        ours.close()
        raise
    finally:
        os.close(null)
        theirs.close()


def fork_launcher_process() -> tuple[Socket, int]:
    """The same in half the time: what this process has imported is there already. Raises OSError.

    Only for a process with one thread, no open files of its own, and so little memory that a fork is cheap.
    """
    ours, theirs = sockets.pair()
    pid = os.fork()
    if pid == 0:
        try:
            null = os.open("/dev/null", os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(null, 1)
            os.dup2(theirs.detach(), 3)
            from ecirun.runtime.launcher import main

            main(3)
        finally:
            os._exit(1)
    theirs.close()
    return ours, pid


def module_path() -> list[str]:
    """Where this process finds modules; never relative to where it happens to be."""
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return list(dict.fromkeys([here, *(entry for entry in sys.path if os.path.isabs(entry))]))
