"""`--network bridge`: an eth0 with an address on a host bridge that all such pods of this machine share.

The bridge comes with the first pod and goes with the last. Addresses are handed out under a lock; a pod's address is a file
in the network folder of the state that holds the pod's name, removed with the pod.
"""

from __future__ import annotations

import binascii
import contextlib
import json
import os
from typing import Any

from ecirun.errors import HostUnsupported, LaunchFailed
from ecirun.linux import netlink, process
from ecirun.plan.model import PodPlan
from ecirun.runtime import names
from ecirun.runtime.sandbox_steps import Bench
from ecirun.runtime.state import locked, remove_locked

BRIDGE = "ecirun0"
SUBNET = "10.247.18."
GATEWAY = SUBNET + "1"
FOLDER = ".network"


class Connect:
    """A veth pair: one end on the host's bridge, the other as eth0 in the pod."""

    name = "eth0"

    def __init__(self, plan: PodPlan) -> None:
        self.plan = plan

    def describe(self) -> str:
        return f"connect eth0 to the host's bridge {BRIDGE}"

    def run(self, bench: Bench) -> None:
        folder = f"{bench.state}/{FOLDER}"
        with locked(folder):
            bench.address = _take_address(folder, self.plan)
            problem = _in_child(lambda: _connect(bench, self.plan.name))
        if problem:
            raise HostUnsupported(problem, hint="load the kernel modules `bridge` and `veth`, or run with --network loopback")


def _in_child(work: Any) -> str:
    """Run `work` in a process of its own and return what it says went wrong: pyroute2 would stay in this one for good."""
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write_end, json.dumps(work() or "").encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as answer:
        text = answer.read()
    status = os.waitpid(pid, 0)[1]
    problem: str = json.loads(text or '""')
    return problem or (f"Can't connect the pod to {BRIDGE}: its helper ended with status {status}" if status else "")


def _connect(bench: Bench, pod: str) -> str:
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    namespace = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    process.setns(bench.host_network, process.CLONE_NEWNET)
    try:
        with IPRoute() as host:
            if not host.link_lookup(ifname=BRIDGE):
                _make_bridge(host)
            host.link("add", ifname=host_end(pod), kind="veth", peer={"ifname": "eth0", "net_ns_fd": namespace})
            bridge = host.link_lookup(ifname=BRIDGE)[0]
            host.link("set", index=host.link_lookup(ifname=host_end(pod))[0], master=bridge, state="up")
        process.setns(namespace, process.CLONE_NEWNET)
        with IPRoute() as inside:
            eth0 = inside.link_lookup(ifname="eth0")[0]
            inside.addr("add", index=eth0, address=bench.address, prefixlen=24)
            inside.link("set", index=eth0, state="up")
            inside.route("add", dst="default", gateway=GATEWAY)
    except NetlinkError as error:
        return f"Can't connect the pod to {BRIDGE}: {os.strerror(error.code)}"
    return ""


def _make_bridge(host: Any) -> None:
    host.link("add", ifname=BRIDGE, kind="bridge")
    index = host.link_lookup(ifname=BRIDGE)[0]
    host.addr("add", index=index, address=GATEWAY, prefixlen=24)
    host.link("set", index=index, state="up")


def host_end(pod: str) -> str:
    """The name of the pod's interface on the host; an interface's name has at most 15 characters."""
    return f"eci{binascii.crc32(pod.encode()):08x}"


def release(pod: str, state: str) -> None:
    """Give the pod's address back, and take the bridge away when no pod has one. For the host's network namespace.

    `state` is where this process sees the state folder.
    """
    folder = f"{state}/{FOLDER}"
    if not os.path.exists(folder):
        return
    with locked(folder):
        for address in _addresses(folder):
            if _owner(folder, address) in (pod, ""):
                os.unlink(f"{folder}/{address}")
        # The kernel removes the pod's end with its namespace, but some time later.
        netlink.delete_link(host_end(pod))
        if not _addresses(folder):
            netlink.delete_link(BRIDGE)
            remove_locked(folder)


def _take_address(folder: str, plan: PodPlan) -> str:
    for last in range(2, 255):
        address = f"{SUBNET}{last}"
        with contextlib.suppress(FileExistsError):
            taken = os.open(f"{folder}/{address}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            os.write(taken, names.record(plan.name, plan.namespace, plan.hostname.partition(".")[0], plan.subdomain).encode())
            os.close(taken)
            return address
    raise LaunchFailed("Can't find a free address on the bridge: 253 pods have one", step="eth0", hint="stop some pods")


def _addresses(folder: str) -> list[str]:
    return [name for name in os.listdir(folder) if name != "lock"]


def _owner(folder: str, address: str) -> str:
    with open(f"{folder}/{address}") as file:
        try:
            return str(json.load(file)["pod"])
        except ValueError:
            return ""  # its supervisor was killed while it wrote
