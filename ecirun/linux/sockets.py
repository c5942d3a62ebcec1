"""Unix sockets that keep the bounds of messages and carry descriptors beside them (unix(7), SOCK_SEQPACKET).

`_socket` is what the standard library's `socket` wraps. The wrapper turns every constant of the C library into an
enumeration, which would be a fifth of the launcher's start and of each supervisor's memory.
"""

from __future__ import annotations

import _socket
import errno
import os
import struct

Socket = _socket.socket

LARGEST = 65536
SHUT_WR, SHUT_RDWR = _socket.SHUT_WR, _socket.SHUT_RDWR  # for Socket.shutdown: the other end hears no more, or none does
MOST_DESCRIPTORS = 253  # include/net/scm.h, SCM_MAX_FD
MORE = b"more"  # a message that only brings descriptors of the next one

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
    flags = _socket.MSG_NOSIGNAL | (_socket.MSG_DONTWAIT if now else 0)
    while len(descriptors) > MOST_DESCRIPTORS:
        end.sendmsg([MORE], [_beside(descriptors[:MOST_DESCRIPTORS])], flags)
        descriptors = descriptors[MOST_DESCRIPTORS:]
    end.sendmsg([data], [_beside(descriptors)] if descriptors else [], flags)


def _beside(descriptors: tuple[int, ...]) -> tuple[int, int, bytes]:
    return _socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack(f"{len(descriptors)}i", *descriptors)


def receive(end: Socket, *, now: bool = False) -> tuple[bytes, tuple[int, ...]]:
    """The next message and its descriptors, close-on-exec; empty when the other end is closed.

    With `now` it raises BlockingIOError when there is none. Raises OSError where the process can have no more descriptors.
    """
    flags = _socket.MSG_CMSG_CLOEXEC | (_socket.MSG_DONTWAIT if now else 0)
    found: tuple[int, ...] = ()
    while True:
        try:
            data, beside, how, _sender = end.recvmsg(LARGEST, _ROOM, flags)
        except ConnectionResetError:
            # The other end was closed with messages of ours unread. That is told once, before what it had still to say.
            data, beside, how, _sender = end.recvmsg(LARGEST, _ROOM, flags)
        for _level, _kind, packed in beside:
            found += struct.unpack(f"{len(packed) // 4}i", packed)
        if how & _socket.MSG_CTRUNC:
            for descriptor in found:
                os.close(descriptor)
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        if data != MORE:
            return data, found


def peer(end: Socket) -> int:
    """The pid of the process that listened at, or made, the other end (unix(7), SO_PEERCRED); 0 when it cannot be seen."""
    pid: int = struct.unpack("3i", end.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12))[0]
    return pid


def _address(folder: int, name: str) -> str:
    # A socket's address has at most 107 bytes, a pod's name alone may have 253.
    return f"/proc/self/fd/{folder}/{name}"
