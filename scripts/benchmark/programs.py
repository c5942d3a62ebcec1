"""Running programs of others, and timing that."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import time
from collections.abc import Mapping, Sequence


class CannotRun(Exception):
    """Why a program cannot do its work here, in a line."""


def timed(argv: list[str]) -> float:
    """The seconds from starting a program to its end. Raises CannotRun when it fails.

    Its streams are pipes, an empty one and one that holds what it says: runc gives them to the container's user, and would
    /dev/null, too.
    """
    empty, end = os.pipe()
    os.close(end)
    ignored, said = os.pipe()
    fcntl.fcntl(said, fcntl.F_SETPIPE_SZ, 1 << 20)
    streams = [(os.POSIX_SPAWN_DUP2, stream, number) for number, stream in enumerate((empty, said, said))]
    try:
        began = time.perf_counter()
        pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=streams)
        status = os.waitpid(pid, 0)[1]
        took = time.perf_counter() - began
    finally:
        for descriptor in (empty, ignored, said):
            os.close(descriptor)
    if status:
        raise CannotRun(f"{argv[0]} ended with {os.waitstatus_to_exitcode(status)}")
    return took


def output(argv: Sequence[str], *, env: Mapping[str, str] | None = None, timeout: float = 120) -> str:
    """What a program says. Raises CannotRun with its last words when it fails, or is missing."""
    try:
        done = subprocess.run(
            argv,
            input="",
            env=env,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
        )
    except FileNotFoundError:
        raise CannotRun("not installed") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotRun(str(error)) from None
    if done.returncode:
        words = done.stderr.strip() or done.stdout.strip() or f"ended with {done.returncode}"
        raise CannotRun("; ".join(words.splitlines()[-2:]))
    return done.stdout


def try_output(argv: Sequence[str]) -> None:
    """Run something for its effect; that it cannot is of no interest."""
    with contextlib.suppress(CannotRun):
        output(argv)
