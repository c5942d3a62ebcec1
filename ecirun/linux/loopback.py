"""Network interfaces by ioctl (netdevice(7)): enough for `lo`, at a hundredth of a netlink library's import."""

from __future__ import annotations

import _socket
import fcntl
import struct

# include/uapi/linux/sockios.h
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
SIOCSIFADDR = 0x8916
# include/uapi/linux/if.h
IFF_UP = 0x1


def link_up(interface: str) -> None:
    """Set an interface of this network namespace up."""
    _set_flags(interface, add=IFF_UP, remove=0)


def link_down(interface: str) -> None:
    """Set an interface of this network namespace down, and take its IPv4 address away; IPv6 addresses go by themselves."""
    _set_flags(interface, add=0, remove=IFF_UP)
    sock = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        # The address 0.0.0.0 stands for none.
        fcntl.ioctl(sock, SIOCSIFADDR, struct.pack("16sh22x", interface.encode(), _socket.AF_INET))
    finally:
        sock.close()


def _set_flags(interface: str, *, add: int, remove: int) -> None:
    sock = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        request = struct.pack("16sh22x", interface.encode(), 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(sock, SIOCGIFFLAGS, request), 16)
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh22x", interface.encode(), (flags | add) & ~remove))
    finally:
        sock.close()
