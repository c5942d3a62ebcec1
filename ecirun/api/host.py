"""What this host is, as far as pods are concerned."""

from __future__ import annotations

from functools import cache


@cache
def why_not() -> str:
    """Why this process cannot run pods, in a line; empty when it can."""
    import sys

    if not sys.platform.startswith("linux"):
        return "this is not Linux"
    from ecirun.errors import EcirunError
    from ecirun.runtime.privileges import check_host

    try:
        check_host()
    except EcirunError as error:
        return error.message
    return ""


def memory() -> int | None:
    """This host's memory in bytes."""
    import psutil

    total: int = psutil.virtual_memory().total
    return total
