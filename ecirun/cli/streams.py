"""How ecirun speaks: results on standard output, everything else on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable

from ecirun.errors import EcirunError

said = 0  # how often something was said on standard error


def out(text: str, *, end: str = "\n") -> None:
    """Write a result, at once: whoever reads it may wait for it."""
    print(text, end=end, flush=True)


def err(text: str, *, end: str = "\n") -> None:
    """Say something on standard error."""
    global said
    said += 1
    print(text, end=end, file=sys.stderr, flush=True)


def speaker(*, quiet: bool) -> Callable[[str], None]:
    """A function that says one line on stderr, or nothing when `quiet`."""

    def say(text: str) -> None:
        if not quiet:
            err(f"ecirun: {text}")

    return say


def warner(*, quiet: bool = False) -> Callable[[str], None]:
    """A function that says one warning on stderr, or nothing when `quiet`."""
    say = speaker(quiet=quiet)
    return lambda text: say(f"warning: {text}")


def say_error(error: EcirunError) -> None:
    """An error and its hint on stderr."""
    err(f"ecirun: error: {error.message}")
    if error.hint:
        err(f"    hint: {error.hint}")
