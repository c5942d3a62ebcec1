"""The steps that make a pod's sandbox, in the supervisor: namespaces, sysctls, and what the containers share."""

from __future__ import annotations

import os
from typing import NamedTuple

from ecirun.linux import loopback, mount, process
from ecirun.plan.model import File, PodPlan, Sysctl, Volume
from ecirun.runtime import bridge, shadow
from ecirun.runtime.host_sysctls import WriteHostSysctl
from ecirun.runtime.steps import Bench, Step
from ecirun.runtime.sysctl_file import write_sysctl

POD_NAMESPACES = process.CLONE_NEWNET | process.CLONE_NEWIPC | process.CLONE_NEWUTS


class PrivateHost(NamedTuple):
    """From here on nothing that this process mounts is seen by the host, and nothing of the host can be written."""

    state: str
    name: str = "host-read-only"

    def describe(self) -> str:
        return "make the host's tree private and read-only"

    def run(self, bench: Bench) -> None:
        process.unshare(process.CLONE_NEWNS)
        root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            mount.mount_setattr(root, propagation=mount.MS_PRIVATE, recursive=True, what="/")
            state = mount.open_tree(self.state)
            mount.mount_setattr(root, add=mount.MOUNT_ATTR_RDONLY, recursive=True, what="/")
            target = os.open(self.state, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            mount.move_mount(state, target, self.state)
            os.close(target)
            os.close(state)
        finally:
            os.close(root)


class Workbench(NamedTuple):
    """A small tmpfs for the files and mount points that the containers share."""

    name: str = "workbench"

    def describe(self) -> str:
        return "mount the pod's private work space"

    def run(self, bench: Bench) -> None:
        tmpfs = mount.new_filesystem("tmpfs", {"mode": "0700", "size": "16m"}, mount.attributes(("nosuid", "nodev")))
        _attach(tmpfs, bench.path)
        for folder in ("root", "empty", "files", "shm", "mqueue", "sysctl", "volumes"):
            os.mkdir(bench.at(folder), 0o755)


class Namespaces(NamedTuple):
    """The network, IPC and UTS namespaces that all containers of the pod share."""

    hostname: str
    name: str = "namespaces"

    def describe(self) -> str:
        return f"create the network, IPC and UTS namespaces, host name {self.hostname}"

    def run(self, bench: Bench) -> None:
        process.unshare(POD_NAMESPACES)
        process.sethostname(self.hostname)


class LoopbackUp(NamedTuple):
    """127.0.0.1 and ::1."""

    name: str = "loopback"

    def describe(self) -> str:
        return "set lo up"

    def run(self, bench: Bench) -> None:
        loopback.link_up("lo")


class WriteSysctl(NamedTuple):
    """Write one sysctl through a private procfs that nothing else can see, and read it back."""

    sysctl: Sysctl
    name: str = "sysctls"

    def describe(self) -> str:
        return f'set sysctl {self.sysctl.name} to "{self.sysctl.value}"'

    def run(self, bench: Bench) -> None:
        proc = mount.new_filesystem("proc", {}, mount.attributes(("nosuid", "nodev", "noexec")))
        try:
            write_sysctl(proc, self.sysctl)
        finally:
            os.close(proc)


class SharedMounts(NamedTuple):
    """/dev/shm and the POSIX message queues of the pod."""

    name: str = "shared-mounts"

    def describe(self) -> str:
        return "make the pod's /dev/shm (64 MiB) and message queues"

    def run(self, bench: Bench) -> None:
        flags = mount.attributes(("nosuid", "nodev", "noexec"))
        shm = mount.new_filesystem("tmpfs", {"mode": "1777", "size": "65536k"}, flags, source="shm")
        _attach(shm, bench.at("shm"))
        _attach(mount.new_filesystem("mqueue", {}, flags), bench.at("mqueue"))


class MakeVolume(NamedTuple):
    """An emptyDir: gone with the pod."""

    volume: Volume
    name: str = "volumes"

    def describe(self) -> str:
        return f"make emptyDir volume {self.volume.name}"

    def run(self, bench: Bench) -> None:
        path = bench.at("volumes", self.volume.name)
        os.mkdir(path, 0o755)
        options = {"mode": "0777"} if self.volume.gid is None else {"mode": "2777", "gid": str(self.volume.gid)}
        if self.volume.size:
            options["size"] = self.volume.size
        _attach(mount.new_filesystem("tmpfs", options, mount.attributes(("nodev",))), path)


class WriteFile(NamedTuple):
    """A file that the kubelet would manage."""

    file: File
    name: str = "files"

    def describe(self) -> str:
        return f"write the pod's {self.file.name}"

    def run(self, bench: Bench) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(bench.at("files", self.file.name), flags, 0o600)
        os.write(descriptor, self.file.content.encode())
        os.fchmod(descriptor, self.file.mode)
        os.close(descriptor)


def pod_steps(plan: PodPlan, state: str) -> list[Step]:
    """The steps of the pod's sandbox, in order."""
    steps: list[Step] = []
    link = bridge.Link(plan.name) if plan.network.mode == "bridge" else None
    if link:
        steps.append(bridge.Prepare(link))
    steps += [WriteHostSysctl(plan.name, sysctl) for sysctl in plan.sysctls if sysctl.scope == "host"]
    steps += [PrivateHost(state), Workbench(), Namespaces(plan.hostname)]
    if "lo" in plan.network.interfaces:
        steps.append(LoopbackUp())
    if link:
        steps.append(bridge.Connect(link, plan.hostname))
    steps += [WriteSysctl(sysctl) for sysctl in plan.sysctls if sysctl.scope == "pod"]
    steps.append(SharedMounts())
    steps += [MakeVolume(volume) for volume in plan.volumes]
    steps += [WriteFile(file) for file in plan.files]
    steps += shadow.pod_steps(plan.sysctls)
    return steps


def _attach(descriptor: int, path: str) -> None:
    target = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    mount.move_mount(descriptor, target, path)
    os.close(target)
    os.close(descriptor)
