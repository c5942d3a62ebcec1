"""The steps that make a sandbox the pod's own, in the supervisor: host name, address, sysctls, volumes and files."""

from __future__ import annotations

import os

from ecirun.linux import loopback, mount, process
from ecirun.plan.model import POD_IP, ContainerPlan, File, PodPlan, Sysctl
from ecirun.runtime import shadow
from ecirun.runtime.private_tree import attach
from ecirun.runtime.sandbox_steps import Bench, overlay_on
from ecirun.runtime.sysctl_file import write_sysctl
from ecirun.runtime.tree_steps import later_mounts
from ecirun.runtime.volume_steps import MakeVolume, open_volume

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from ecirun.runtime.steps import Step


class HostName:
    """The name in the pod's UTS namespace."""

    name = "host-name"

    def __init__(self, hostname: str) -> None:
        self.hostname = hostname

    def describe(self) -> str:
        return f"set the host name {self.hostname}"

    def run(self, bench: Bench) -> None:
        process.sethostname(self.hostname)


class LoopbackDown:
    """`--network none`: the sandbox was made with lo up, as nearly every pod wants it."""

    name = "loopback-down"

    def describe(self) -> str:
        return "set lo down"

    def run(self, bench: Bench) -> None:
        loopback.link_down("lo")


class WriteSysctl:
    """Write one sysctl through a private procfs that nothing else can see, and read it back."""

    name = "sysctls"

    def __init__(self, sysctl: Sysctl) -> None:
        self.sysctl = sysctl

    def describe(self) -> str:
        return f'set sysctl {self.sysctl.name} to "{self.sysctl.value}"'

    def run(self, bench: Bench) -> None:
        write_sysctl(bench.proc, self.sysctl)


class StartPause:
    """The process that holds the PID namespace of containers that share their processes."""

    name = "pause"

    def describe(self) -> str:
        return "start pause, PID 1 of the pod's PID namespace"

    def run(self, bench: Bench) -> None:
        from ecirun.runtime import pause

        bench.pause = pause.start()
        attach(bench.pause.proc, bench.make("proc"))


class WriteFile:
    """A file that the kubelet would manage."""

    name = "files"

    def __init__(self, file: File) -> None:
        self.file = file

    def describe(self) -> str:
        return f"write the pod's {self.file.name}"

    def run(self, bench: Bench) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(bench.at("file", self.file.name), flags, 0o600)
        os.write(descriptor, self.file.content.replace(POD_IP, bench.address).encode())
        os.fchmod(descriptor, self.file.mode)
        os.close(descriptor)


def pod_steps(plan: PodPlan) -> list[Step[Bench]]:
    """The steps, in order. What few pods need is loaded for these only, which is time that every command would wait."""
    steps: list[Step[Bench]] = [HostName(plan.hostname)]
    if plan.network.mode == "bridge":
        from ecirun.runtime import bridge

        steps.append(bridge.Connect(plan))
    elif "lo" not in plan.network.interfaces:
        steps.append(LoopbackDown())
    if plan.share_process_namespace:
        steps.append(StartPause())
    if hosts := [sysctl for sysctl in plan.sysctls if sysctl.scope == "host"]:
        from ecirun.runtime.host_sysctls import WriteHostSysctl

        steps += [WriteHostSysctl(plan.name, sysctl) for sysctl in hosts]
    steps += [WriteSysctl(sysctl) for sysctl in plan.sysctls if sysctl.scope == "pod"]
    steps += [MakeVolume(volume, plan.scratch) for volume in plan.volumes]
    steps += [WriteFile(file) for file in plan.files]
    steps += [shadow.WriteShadow(sysctl) for sysctl in plan.sysctls if sysctl.scope in shadow.SHADOWED]
    return steps


def open_mounts(bench: Bench, container: ContainerPlan, shadowed: tuple[str, ...]) -> dict[str, int]:
    """What a container's process is to attach, as descriptors of unattached mounts, by target."""
    mounts = {"/": _open_root(bench, container)}
    for entry in later_mounts(container):
        kind, _, name = entry.source.partition(":")
        if kind == "volume":
            mounts[entry.target] = open_volume(bench.at("volume", name), entry)
        elif entry.source:
            mounts[entry.target] = mount.open_tree(bench.at(kind, name), add=mount.attributes(entry.options))
    for path in shadowed:
        place = bench.at("sysctl", path.replace("/", ","))
        mounts[shadow.key_of(path)] = mount.open_tree(place, add=mount.SAFE | mount.MOUNT_ATTR_RDONLY)
    return mounts


def _open_root(bench: Bench, container: ContainerPlan) -> int:
    path = bench.places[container.root.path]
    if not container.root.overlay:
        return mount.open_tree(path, add=mount.MOUNT_ATTR_NODEV | mount.MOUNT_ATTR_RDONLY)
    return overlay_on(bench, path)
