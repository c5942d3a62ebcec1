"""Locks of two kinds that the kernel drops with the last process that has the file open, however that process ends.

`hold` and `is_held` tell life from death (fcntl(2), OFD locks). They are asked about without being taken, so that two who
look at the same moment do not take each other for the holder. `to_oneself` keeps others away for a moment (flock(2)).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from collections.abc import Iterator

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

_FLOCK = "hhqqi4x"  # struct flock, 64 bits: type, whence, start, length, pid


def hold(descriptor: int) -> None:
    """Hold a file or directory from here on, until the last copy of the descriptor is closed. Others may hold it too."""
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0))


def is_held(descriptor: int) -> bool:
    """Whether anybody holds what this descriptor, which must be of its own opening, refers to."""
    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind: int = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, asked))[0]
    return kind != fcntl.F_UNLCK


@contextlib.contextmanager
def to_oneself(path: str) -> Iterator[int]:
    """A descriptor of the folder at `path`, which nobody else has to oneself meanwhile.

    Raises FileNotFoundError when it has gone, also while this process waited for it.
    """
    folder = os.open(path, FOLDER)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if not os.path.samestat(os.fstat(folder), os.stat(path)):
            raise FileNotFoundError(path)
        yield folder
    finally:
        os.close(folder)
