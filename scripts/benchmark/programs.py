"""Running programs of others, and timing that."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Mapping, Sequence


class CannotRun(Exception):
    """Why a program cannot do its work here, in a line."""


def timed(argv: Sequence[str], env: Mapping[str, str] | None = None) -> float:
    """The seconds from starting a program to its end. Its streams are empty. Raises CannotRun when it fails."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    streams = [(os.POSIX_SPAWN_DUP2, null, number) for number in range(3)]
    try:
        began = time.perf_counter()
        pid = os.posix_spawnp(argv[0], argv, os.environ if env is None else env, file_actions=streams)
        status = os.waitpid(pid, 0)[1]
        took = time.perf_counter() - began
    finally:
        os.close(null)
    if status:
        raise CannotRun(f"{argv[0]} ended with {os.waitstatus_to_exitcode(status)}")
    return took


def output(argv: Sequence[str], *, input: str | None = None, timeout: float = 120) -> str:
    """What a program says. Raises CannotRun with its last words when it fails, or is missing."""
    try:
        done = subprocess.run(
            argv,
            input=input,
            stdin=None if input else subprocess.DEVNULL,
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
