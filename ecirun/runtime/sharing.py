"""Where clients find the launcher that detached pods share.

Supervisors that were forked from one launcher share its memory; two hundred that each had a launcher of their own would need
several times as much. A shared launcher stays as long as one of its supervisors does. It serves only clients that see the
same host as it does, with the same ecirun.
"""

from __future__ import annotations

import contextlib
import fcntl
import os

from ecirun import __version__
from ecirun.linux import sockets
from ecirun.linux.sockets import Socket
from ecirun.record import Record
from ecirun.runtime import messages
from ecirun.runtime.messages import Message

FOLDER = ".launcher"
SOCKET = "socket"
NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")


def identity() -> Message:
    """What a client and a launcher must have in common: the ecirun and the view of the host."""
    seen = {name: os.stat(f"/proc/self/ns/{name}").st_ino for name in NAMESPACES}
    return {"version": __version__, "code": os.path.dirname(os.path.abspath(__file__)), **seen}


class MeetingPlace(Record):
    """The socket that a shared launcher listens at, and the lock on its folder."""

    listening: Socket
    lock: int
    path: str

    def leave(self) -> None:
        """Nobody will be met here any more."""
        with contextlib.suppress(OSError):
            os.unlink(f"{self.path}/{SOCKET}")
            os.rmdir(self.path)
        self.listening.close()
        os.close(self.lock)


def open_meeting_place(state: str) -> MeetingPlace | None:
    """Listen in the state folder `state`; None when another launcher does."""
    path = f"{state}/{FOLDER}"
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(lock), os.stat(path)):
            raise FileNotFoundError(path)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{path}/{SOCKET}")  # of one that was killed
        return MeetingPlace(sockets.listen(lock, SOCKET), lock, path)
    except (BlockingIOError, FileNotFoundError):
        os.close(lock)
        return None


def meet(state: str) -> Socket | None:
    """A connection to the shared launcher, if there is one that fits."""
    try:
        folder = os.open(f"{state}/{FOLDER}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        end = sockets.connect(folder, SOCKET)
    except OSError:
        return None
    finally:
        os.close(folder)
    if messages.send(end, {"identity": True}):
        answer, _descriptors = messages.receive(end)
        if answer is not None and answer.get("identity") == identity():
            return end
    end.close()
    return None
