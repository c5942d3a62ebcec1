"""The steps of a container's process before it knows its container: the kernel's own mounts, on a stage, and the host left.

The process is PID 1 of a new PID namespace, in a mount namespace of its own. What else of the host belongs into that, the
supervisor will bring along (see `tree_steps`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
from collections.abc import Sequence

from ecirun.linux import cgroup, credentials, mount, proc, process
from ecirun.plan.model import KERNEL_SOURCES, Groundwork, Mount
from ecirun.runtime.private_tree import BENCH, TEMPLATES

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from ecirun.runtime.steps import Step

STAGE = f"{BENCH}/stage"
NO_GROUPS: dict[str, str] = {}
TOPS = ("/proc", "/dev", "/sys")
DEVICE_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx",
}


class Bench:
    """What the steps hand to each other, by descriptors.

    `pod` are the pod's namespaces, `tree` is the mount namespace of this process, `root` the stage.
    """

    def __init__(self, pod: tuple[int, ...]) -> None:
        self.pod = pod
        self.tree = -1
        self.root = -1


class EnterGroup:
    """The container's control group, where a process can move itself; elsewhere the supervisor moves it."""

    name = "enter-group"

    def __init__(self, groups: dict[str, str]) -> None:
        self.group = cgroup.Group(groups)

    def describe(self) -> str:
        return "enter the control group"

    def run(self, bench: Bench) -> None:
        cgroup.enter(self.group)


class OwnSession:
    """Cut what ties this process to the one that started ecirun."""

    name = "session"

    def describe(self) -> str:
        return "start a session of its own: default signals, new keyring, die with the supervisor"

    def run(self, bench: Bench) -> None:
        credentials.set_parent_death_signal(signal.SIGKILL)
        # Only ourselves may look at us until exec: later, others may join the namespaces.
        credentials.set_dumpable(False)
        os.setsid()
        process.default_signals()
        process.new_session_keyring()


class JoinPod:
    """What all containers of the pod share, and a mount namespace of its own."""

    name = "join-pod"

    def describe(self) -> str:
        return "join the pod's network, IPC and UTS namespaces, create a mount namespace"

    def run(self, bench: Bench) -> None:
        for namespace in bench.pod:
            process.setns(namespace, 0)
            os.close(namespace)
        process.unshare(process.CLONE_NEWNS)
        bench.tree = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)


class Stage:
    """A tmpfs that holds the kernel's mounts until the container's root is known."""

    name = "stage"

    def describe(self) -> str:
        return "mount a stage for the kernel's file systems"

    def run(self, bench: Bench) -> None:
        mount.mount("tmpfs", STAGE, mount.MS_NODEV, "mode=0755,size=64k")
        bench.root = os.open(STAGE, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        for folder in ("root", "proc", "dev", "sys"):
            os.mkdir(f"{STAGE}/{folder}", 0o755)


class KernelMount:
    """One of the kernel's file systems, or a mount that the pod's containers share.

    By path, here and in the following steps: nothing but the kernel's own files is on the stage.
    """

    name = "kernel-mounts"

    def __init__(self, entry: Mount, *, shared_processes: bool) -> None:
        self.mount = entry
        # A procfs shows the PID namespace of whoever mounts it; that of shared processes is pause's.
        self.source = entry.source or ("proc" if entry.type == "proc" and shared_processes else "")

    def describe(self) -> str:
        return describe_mount(self.mount)

    def run(self, bench: Bench) -> None:
        target = STAGE + self.mount.target
        if self.mount.target not in TOPS:
            os.mkdir(target, 0o755)
        if self.source:
            mount.bind(f"{BENCH}/{self.source}", target)
        else:
            self._mount_new(target)

    def _mount_new(self, target: str) -> None:
        data = ",".join(f"{key}={value}" for key, value in self.mount.data.items())
        try:
            mount.mount(self.mount.type, target, mount.flags(self.mount.options), data)
        except PermissionError:
            # To a user namespace that sees only part of /proc or /sys the kernel gives no whole one: see `makeshift`.
            if self.mount.target not in ("/proc", "/sys") or proc.in_first_namespace("user"):
                raise
            mount.bind(self.mount.target, target, recursive=True)


class ShowGroups:
    """The container's own control groups, to be read: one of version 2 as it is, those of version 1 by their controllers.

    They are bound here, and the container's cgroup namespace makes them look like whole hierarchies. A host without control
    groups has none to show.
    """

    name = "kernel-mounts"

    def __init__(self, entry: Mount, groups: dict[str, str]) -> None:
        self.mount = entry
        self.groups = groups

    def describe(self) -> str:
        return describe_mount(self.mount)

    def run(self, bench: Bench) -> None:
        target, options = STAGE + self.mount.target, mount.flags(self.mount.options)
        if not self.groups or not os.path.isdir(target):
            return
        if len(set(self.groups.values())) == 1 and "2" in self.groups:
            mount.bind(self.groups["2"], target)
        else:
            mount.mount("tmpfs", target, mount.flags(("nosuid", "nodev", "noexec")), "mode=0755,size=16k")
            for controller, folder in self.groups.items():
                place = f"{target}/{'unified' if controller == '2' else controller}"
                os.mkdir(place, 0o755)
                mount.bind(folder, place)
                mount.remount_bind(place, options)
        mount.remount_bind(target, options)


class BindDevices:
    """The host's own nodes, one bind each."""

    name = "devices"

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def describe(self) -> str:
        return "bind the device nodes " + " ".join(self.names)

    def run(self, bench: Bench) -> None:
        for name in self.names:
            os.mknod(f"{STAGE}/dev/{name}", 0o100666)
            mount.bind(f"{TEMPLATES}/{name}", f"{STAGE}/dev/{name}")
        for link, target in DEVICE_LINKS.items():
            os.symlink(target, f"{STAGE}/dev/{link}")


class ReadOnlyPaths:
    """Parts of /proc that the workload may read only."""

    name = "read-only-paths"

    def __init__(self, paths: tuple[str, ...]) -> None:
        self.paths = paths

    def describe(self) -> str:
        return "make read-only: " + " ".join(self.paths)

    def run(self, bench: Bench) -> None:
        for path in self.paths:
            with contextlib.suppress(FileNotFoundError):  # this kernel does not have it
                mount.bind(STAGE + path, STAGE + path)
                mount.remount_bind(STAGE + path, mount.flags(("ro", "nosuid", "nodev", "noexec")))


class MaskPaths:
    """Parts of /proc and /sys that the workload may not see: an empty directory, or the host's /dev/null."""

    name = "masked-paths"

    def __init__(self, paths: tuple[str, ...]) -> None:
        self.paths = paths

    def describe(self) -> str:
        return "mask: " + " ".join(self.paths)

    def run(self, bench: Bench) -> None:
        for path in self.paths:
            with contextlib.suppress(FileNotFoundError):
                is_directory = stat.S_ISDIR(os.stat(STAGE + path).st_mode)
                mount.bind(f"{TEMPLATES}/{'empty' if is_directory else 'null'}", STAGE + path)


class NeverGranted:
    """Most of the bounding set goes before the container is known: each capability is a system call."""

    name = "never-granted"

    def __init__(self, bounding: str) -> None:
        self.bounding = bounding

    def describe(self) -> str:
        return f"drop what no such container has from the bounding set: all but {self.bounding}"

    def run(self, bench: Bench) -> None:
        credentials.drop_bounding_set(int(self.bounding, 16))


class LeaveHost:
    """Make the stage the root, and let the host's tree go: from here on no path of the host can be named."""

    name = "leave-host"

    def describe(self) -> str:
        return "leave the host's tree for the stage"

    def run(self, bench: Bench) -> None:
        pivot(bench.root)
        detach_old_root()


def staged_mounts(mounts: Sequence[Mount]) -> list[Mount]:
    """Those of a container's mounts that can be made before it is known: the kernel's, unless a volume displaces them."""
    kernels = [entry for entry in mounts if entry.source in KERNEL_SOURCES]
    tops = {entry.target for entry in kernels if entry.target in TOPS}
    return [entry for entry in kernels if "/" + entry.target.split("/")[1] in tops]


def stage_steps(groundwork: Groundwork, groups: dict[str, str] = NO_GROUPS) -> list[Step[Bench]]:
    """The steps, in order; `groups` are the folders of the container's control groups by their controllers."""
    staged = staged_mounts(groundwork.mounts)
    first = [entry for entry in staged if entry.target in TOPS]

    def made(entry: Mount) -> KernelMount | ShowGroups:
        if entry.source == "cgroup":
            return ShowGroups(entry, groups)
        return KernelMount(entry, shared_processes=groundwork.shared_processes)

    steps: list[Step[Bench]] = [EnterGroup(groups), OwnSession(), JoinPod(), Stage(), *(made(entry) for entry in first)]
    if any(entry.target == "/dev" for entry in first):
        steps.append(BindDevices(groundwork.devices))
    steps += [made(entry) for entry in staged if entry not in first]
    steps += [ReadOnlyPaths(groundwork.read_only_paths), MaskPaths(groundwork.masked_paths)]
    return [*steps, NeverGranted(groundwork.bounding), LeaveHost()]


def pivot(root: int) -> None:
    """Make the directory the root of this mount namespace and of all in it, and close its descriptor.

    The old root lies on top of it then, where `/..` would find it, and is the working directory.
    """
    os.fchdir(root)
    mount.pivot_root(".", ".")
    os.close(root)


def detach_old_root() -> None:
    """Let what `pivot` left go. The kernel waits for all processors before it has done so."""
    mount.umount2(".", mount.MNT_DETACH)
    os.chdir("/")


def describe_mount(entry: Mount) -> str:
    """A mount in one line."""
    return f"mount {entry.source or entry.type} on {entry.target} ({','.join(entry.options)})"
