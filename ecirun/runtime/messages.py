"""Small JSON messages over a SOCK_SEQPACKET pair, with descriptors beside them where needed."""

from __future__ import annotations

import json
import os
import socket
from typing import Any

LARGEST = 65536


def channel() -> tuple[socket.socket, socket.socket]:
    """Two connected ends; both close on exec, so end-of-file from a child means that it executed its program."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)


def send(end: socket.socket, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
    """Send one message; a reader that is gone is no error."""
    data = json.dumps(message).encode()
    try:
        socket.send_fds(end, [data], list(descriptors), socket.MSG_NOSIGNAL)
    except (BrokenPipeError, ConnectionResetError):
        pass


def receive(end: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """The next message and its descriptors; None when the other end is closed."""
    try:
        data, descriptors, _flags, _address = socket.recv_fds(end, LARGEST, 4, socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return None, []
    if not data:
        return None, []
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    message: dict[str, Any] = json.loads(data)
    return message, descriptors
