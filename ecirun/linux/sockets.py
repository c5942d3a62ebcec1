"""Unix sockets that keep the bounds of messages and carry descriptors beside them (unix(7), SOCK_SEQPACKET).

`_socket` is what the standard library's `socket` wraps. The wrapper turns every constant of the C library into an
enumeration, which would be a fifth of the launcher's start and of each supervisor's memory.
"""

from __future__ import annotations

import _socket
import os
import struct

Socket = _socket.socket

SHUT_WR = _socket.SHUT_WR  # for Socket.shutdown: the other end hears no more

LARGEST = 65536
SHUT_WR, SHUT_RDWR = _socket.SHUT_WR, _socket.SHUT_RDWR
MOST_DESCRIPTORS = 253  # include/net/scm.h, SCM_MAX_FD

_ROOM = _socket.CMSG_SPACE(MOST_DESCRIPTORS * 4)
_TYPE = _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC


def pair() -> tuple[Socket, Socket]:
    """Two connected ends, both close-on-exec."""
    return _socket.socketpair(_socket.AF_UNIX, _TYPE)


def listen(folder: int, name: str) -> Socket:
    """A socket that listens as `name` in the directory that the descriptor `folder` refers to."""
    end = Socket(_socket.AF_UNIX, _TYPE)
    end.bind(_address(folder, name))
    end.listen(128)
    return end


def connect(folder: int, name: str) -> Socket:
    """A connection to the socket `name` in the directory `folder`. Raises OSError when nobody listens."""
    end = Socket(_socket.AF_UNIX, _TYPE)
    try:
        end.connect(_address(folder, name))
    except OSError:
        end.close()
        raise
    return end


def accept(listening: Socket) -> Socket:
    """The next connection."""
    descriptor, _address = listening._accept()  # type: ignore[attr-defined]
    os.set_inheritable(descriptor, False)
    return Socket(_socket.AF_UNIX, _TYPE, fileno=descriptor)


def adopt(descriptor: int) -> Socket:
    """The socket that an inherited descriptor refers to."""
    os.set_inheritable(descriptor, False)
    return Socket(_socket.AF_UNIX, _TYPE, fileno=descriptor)


def send(end: Socket, data: bytes, descriptors: tuple[int, ...] = (), *, now: bool = False) -> None:
    """Send one message. Raises OSError (BrokenPipeError when the other end is closed, with `now` BlockingIOError when it is
    not read).
    """
    beside = (
        [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack(f"{len(descriptors)}i", *descriptors))] if descriptors else []
    )
    end.sendmsg([data], beside, _socket.MSG_NOSIGNAL | (_socket.MSG_DONTWAIT if now else 0))


def receive(end: Socket, *, now: bool = False) -> tuple[bytes, tuple[int, ...]]:
    """The next message and its descriptors, close-on-exec; empty when the other end is closed.

    With `now` it raises BlockingIOError when there is none.
    """
    flags = _socket.MSG_CMSG_CLOEXEC | (_socket.MSG_DONTWAIT if now else 0)
    data, beside, _flags, _sender = end.recvmsg(LARGEST, _ROOM, flags)
    found: tuple[int, ...] = ()
    for _level, _kind, packed in beside:
        found += struct.unpack(f"{len(packed) // 4}i", packed)
    return data, found


def _address(folder: int, name: str) -> str:
    # A socket's address has at most 107 bytes, a pod's name alone may have 253.
    return f"/proc/self/fd/{folder}/{name}"
