"""`--network bridge`: an eth0 with an address on a host bridge that all such pods of this machine share.

The bridge comes with the first pod and goes with the last. The pod's end dies with its network namespace, and its twin with
it. Addresses are handed out under a lock; a pod's address is a file in the network folder of the state, removed with the
pod.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from ecirun.errors import HostUnsupported, LaunchFailed
from ecirun.runtime.steps import Bench

BRIDGE = "ecirun0"
SUBNET = "10.247.18."
GATEWAY = SUBNET + "1"
FOLDER = "/run/ecirun/.network"


class Link:
    """The pod's connection while it is being made: sockets and the chosen address."""

    def __init__(self, pod: str) -> None:
        self.pod = pod
        self.host_end = host_end(pod)
        self.address = ""
        self.host: Any = None


class Prepare(NamedTuple):
    """In the host's network namespace: the bridge, and an address for this pod."""

    link: Link
    name: str = "bridge"

    def describe(self) -> str:
        return f"prepare the host's bridge {BRIDGE}"

    def run(self, bench: Bench) -> None:
        from pyroute2 import IPRoute  # 150 ms: only pods with a bridge pay for it

        with locked():
            self.link.address = _take_address(self.link.pod)
            self.link.host = IPRoute()
            if not self.link.host.link_lookup(ifname=BRIDGE):
                _make_bridge(self.link.host)


class Connect(NamedTuple):
    """From inside the pod's network namespace: a veth pair, one end as eth0, the other on the bridge."""

    link: Link
    hostname: str
    name: str = "eth0"

    def describe(self) -> str:
        return "connect eth0 to the host's bridge"

    def run(self, bench: Bench) -> None:
        from pyroute2 import IPRoute

        host, namespace = self.link.host, os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            peer = {"ifname": "eth0", "net_ns_fd": namespace}
            host.link("add", ifname=self.link.host_end, kind="veth", peer=peer)
            bridge = host.link_lookup(ifname=BRIDGE)[0]
            host.link("set", index=host.link_lookup(ifname=self.link.host_end)[0], master=bridge, state="up")
        finally:
            os.close(namespace)
            host.close()
        with IPRoute() as pod:
            eth0 = pod.link_lookup(ifname="eth0")[0]
            pod.addr("add", index=eth0, address=self.link.address, prefixlen=24)
            pod.link("set", index=eth0, state="up")
            pod.route("add", dst="default", gateway=GATEWAY)


def host_end(pod: str) -> str:
    """The name of the pod's interface on the host; an interface's name has at most 15 characters."""
    return "eci" + hashlib.sha256(pod.encode()).hexdigest()[:10]


def _make_bridge(host: Any) -> None:
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        host.link("add", ifname=BRIDGE, kind="bridge")
    except NetlinkError as error:
        raise HostUnsupported(
            f"Can't create the bridge {BRIDGE}: {os.strerror(error.code)}",
            hint="load the kernel module `bridge`, or run with --network loopback",
        ) from None
    index = host.link_lookup(ifname=BRIDGE)[0]
    host.addr("add", index=index, address=GATEWAY, prefixlen=24)
    host.link("set", index=index, state="up")


def release(pod: str) -> None:
    """Give the pod's address back, and take the bridge away when no pod has one. For the host's network namespace."""
    if not os.path.exists(FOLDER):
        return
    with locked():
        gone = [host_end(pod)]
        for name in os.listdir(FOLDER):
            if name != "lock" and _owner(name) == pod:
                os.unlink(f"{FOLDER}/{name}")
        is_last = os.listdir(FOLDER) == ["lock"]
        if is_last:
            gone.append(BRIDGE)
        _remove_links(gone)
        if is_last:
            os.unlink(f"{FOLDER}/lock")
            os.rmdir(FOLDER)


def _remove_links(names: list[str]) -> None:
    """The kernel removes a pod's end with its namespace, but some time later."""
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    with IPRoute() as host:
        for name in names:
            for index in host.link_lookup(ifname=name):
                with contextlib.suppress(NetlinkError):
                    host.link("del", index=index)


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """One process at a time looks at the network folder."""
    while True:
        os.makedirs(FOLDER, 0o700, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(f"{FOLDER}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            # The last pod may have removed the folder while we waited; then this lock guards nothing.
            with contextlib.suppress(FileNotFoundError):
                if os.path.sameopenfile(lock, again := os.open(f"{FOLDER}/lock", os.O_RDONLY | os.O_CLOEXEC)):
                    os.close(again)
                    break
            os.close(lock)
    try:
        yield
    finally:
        os.close(lock)


def _take_address(pod: str) -> str:
    for last in range(2, 255):
        address = f"{SUBNET}{last}"
        with contextlib.suppress(FileExistsError):
            taken = os.open(f"{FOLDER}/{address}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            os.write(taken, pod.encode())
            os.close(taken)
            return address
    raise LaunchFailed("Can't find a free address on the bridge: 253 pods have one", step="bridge", hint="stop some pods")


def _owner(address: str) -> str:
    with open(f"{FOLDER}/{address}") as file:
        return file.read()
