"""Network interfaces by ioctl (netdevice(7)): enough for `lo`, at a hundredth of a netlink library's import."""

from __future__ import annotations

import fcntl
import socket
import struct

# include/uapi/linux/sockios.h
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
# include/uapi/linux/if.h
IFF_UP = 0x1


def link_up(interface: str) -> None:
    """Set an interface of this network namespace up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        request = struct.pack("16sh22x", interface.encode(), 0)
        flags = struct.unpack("16sh22x", fcntl.ioctl(sock, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh22x", interface.encode(), flags | IFF_UP))
