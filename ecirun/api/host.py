"""What this host is, as far as pods are concerned, whether they can run here, and why not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from ecirun.errors import SEE_DOCTOR, EcirunError


@cache
def why_not() -> str:
    """Why this process cannot run pods, in a line; empty when it can."""
    import sys

    if not sys.platform.startswith("linux"):
        return "this is not Linux"
    from ecirun.runtime.privileges import check_host

    try:
        check_host()
    except EcirunError as error:
        return error.message
    return ""


@contextmanager
def explaining() -> Iterator[None]:
    """Where a launch fails for what this host lacks, raise what the doctor says of that."""
    try:
        yield
    except EcirunError as error:
        if error.hint == SEE_DOCTOR:
            from ecirun.doctor.reason import reason

            raise reason() or error from None
        raise


def memory() -> int | None:
    """This host's memory in bytes."""
    import psutil

    total: int = psutil.virtual_memory().total
    return total
