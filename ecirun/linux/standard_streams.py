"""The three descriptors that every program expects to be open."""

from __future__ import annotations

import fcntl
import os
import sys


def open_standard_streams() -> None:
    """Lead a standard stream that the caller closed to /dev/null.

    Else the next file that is opened would get its number, and the workload or an error message would write into it. A shell
    that is started without a stderr gives that number to the script it reads: it can be read only.
    """
    for standard in (0, 1, 2):
        try:
            mode = fcntl.fcntl(standard, fcntl.F_GETFL) & os.O_ACCMODE
        except OSError:
            mode = -1
        if mode < 0 or (standard > 0 and mode == os.O_RDONLY):
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, standard)
            if null != standard:
                os.close(null)
            os.set_inheritable(standard, True)
            # Python has no object for a stream that was closed when it started.
            name = ("stdin", "stdout", "stderr")[standard]
            if getattr(sys, name) is None:
                setattr(sys, name, open(standard, "w" if standard else "r", closefd=False))
