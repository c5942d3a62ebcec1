"""The character devices that every container has (Documentation/admin-guide/devices.txt)."""

from __future__ import annotations

import os
import stat

DEVICE_NUMBERS = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}


def stateless_device(descriptor: int) -> str:
    """The name in /dev of the device behind the descriptor, if it is one that is the same for everybody; empty for all else."""
    status = os.fstat(descriptor)
    if not stat.S_ISCHR(status.st_mode):
        return ""
    number = os.major(status.st_rdev), os.minor(status.st_rdev)
    return next((name for name, own in DEVICE_NUMBERS.items() if own == number and name != "tty"), "")
