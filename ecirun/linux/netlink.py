"""Removing a network interface (rtnetlink(7), RTM_DELLINK).

Interfaces are made with pyroute2, in a process of its own. A supervisor that lives as long as its pod would be five times as
large with it, for the one message that removes its interface.
"""

from __future__ import annotations

import _socket
import errno
import os
import struct

# include/uapi/linux/rtnetlink.h, netlink.h
RTM_DELLINK = 17
NLM_F_REQUEST_ACK = 0x05


def delete_link(name: str) -> None:
    """Remove the interface of that name from this network namespace; one that is not there is fine. Raises OSError."""
    try:
        index = _socket.if_nametoindex(name)
    except OSError:
        return
    link = struct.pack("=BxHiII", 0, 0, index, 0, 0)  # struct ifinfomsg
    header = struct.pack("=IHHII", 16 + len(link), RTM_DELLINK, NLM_F_REQUEST_ACK, 1, 0)
    end = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, 0)
    try:
        end.send(header + link)
        # An acknowledgement is an error message whose error is 0.
        (code,) = struct.unpack_from("=i", end.recv(4096), 16)
    finally:
        end.close()
    if -code not in (0, errno.ENODEV):
        raise OSError(-code, os.strerror(-code), name)
