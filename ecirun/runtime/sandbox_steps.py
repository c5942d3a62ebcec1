"""The steps that make a sandbox before its pod is known, in the supervisor: namespaces, and what every pod has.

A supervisor is started ahead of its pod and takes these steps while nobody waits for it.
"""

from __future__ import annotations

import contextlib
import os
import stat

from ecirun.linux import cgroup, loopback, mount, process
from ecirun.plan.model import NO_LIMITS
from ecirun.runtime import limits
from ecirun.runtime.groups import Groups
from ecirun.runtime.private_tree import BENCH, STATE_INSIDE, attach
from ecirun.runtime.state import STATE, PodFolder, draft

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from ecirun.runtime.pause import Pause
    from ecirun.runtime.steps import Step

POD_NAMESPACES = process.CLONE_NEWNET | process.CLONE_NEWIPC | process.CLONE_NEWUTS


class Bench:
    """What the supervisor's steps hand to each other: the pod's private work mount at `path`, its cgroup and its network."""

    def __init__(self, host_network: int, groups: Groups) -> None:
        self.path = BENCH
        self.state = STATE_INSIDE
        self.tree = -1  # a descriptor of the mount namespace
        self.namespaces: tuple[int, ...] = ()  # descriptors of all that a container joins
        self.host_network = host_network  # a descriptor of the host's network namespace
        self.folder: PodFolder | None = None  # the pod's, in the state folder
        self.pause: Pause | None = None  # where the containers share their processes
        self.proc = -1  # a procfs that nothing else can see, for the pod's sysctls
        self.groups = groups
        self.first_group: cgroup.Group | None = None
        self.first_limits = NO_LIMITS  # what that has
        self.address = ""  # of the pod on the bridge, once it has one
        self.places: dict[str, str] = {}  # where folders of the host that the client opened are on the bench

    def at(self, kind: str, name: str = "") -> str:
        """The path on the bench of something of that kind and name."""
        return f"{self.path}/{kind}.{name}" if name else f"{self.path}/{kind}"

    def make(self, kind: str, name: str = "") -> str:
        """The same, made as a directory."""
        path = self.at(kind, name)
        os.mkdir(path, 0o755)
        return path


class Workbench:
    """A mount namespace, and in it a small tmpfs for what the containers share."""

    name = "workbench"

    def describe(self) -> str:
        return "mount the pod's private work space"

    def run(self, bench: Bench) -> None:
        process.unshare(process.CLONE_NEWNS)
        bench.tree = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        # The propagation of what is mounted here ends here.
        mount.mount("tmpfs", bench.path, mount.flags(("nosuid", "nodev")), "mode=0700,size=16m")
        for folder in ("mqueue", "shm", "stage"):
            os.mkdir(bench.at(folder), 0o755)


class StateFolder:
    """A folder for the pod in the state folder, which gets the pod's name when that is known."""

    name = "state-folder"

    def describe(self) -> str:
        return f"make a folder for the pod in {STATE}"

    def run(self, bench: Bench) -> None:
        bench.folder = draft(bench.state)


class Namespaces:
    """The network, IPC and UTS namespaces that all containers of the pod share."""

    name = "namespaces"

    def describe(self) -> str:
        return "create the network, IPC and UTS namespaces"

    def run(self, bench: Bench) -> None:
        process.unshare(POD_NAMESPACES)
        own = (os.open(f"/proc/self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in ("net", "ipc", "uts"))
        bench.namespaces = (bench.tree, *own)
        with contextlib.suppress(PermissionError):  # the pod makes do without: see `makeshift.NO_PROC`
            bench.proc = mount.new_filesystem("proc", {}, mount.SAFE)


class LoopbackUp:
    """127.0.0.1 and ::1."""

    name = "loopback"

    def describe(self) -> str:
        return "set lo up"

    def run(self, bench: Bench) -> None:
        loopback.link_up("lo")


class SharedMounts:
    """/dev/shm and the POSIX message queues of the pod."""

    name = "shared-mounts"

    def describe(self) -> str:
        return "make the pod's /dev/shm (64 MiB) and message queues"

    def run(self, bench: Bench) -> None:
        safe = mount.flags(("nosuid", "nodev", "noexec"))
        mount.mount("tmpfs", bench.at("shm"), safe, "mode=1777,size=65536k", source="shm")
        mount.mount("mqueue", bench.at("mqueue"), safe)


class ControlGroup:
    """A control group for the first container."""

    name = "cgroup"

    def describe(self) -> str:
        return "make a control group"

    def run(self, bench: Bench) -> None:
        bench.first_group = bench.groups.new()
        if bench.first_group is not None:
            bench.first_limits = limits.prepare(bench.first_group)


def sandbox_steps() -> list[Step[Bench]]:
    """The steps of a sandbox, in order."""
    return [Workbench(), StateFolder(), Namespaces(), LoopbackUp(), SharedMounts(), ControlGroup()]


def attach_places(bench: Bench, paths: list[str], mounts: tuple[int, ...]) -> None:
    """Attach the folders of the host that the client opened."""
    for number, (path, descriptor) in enumerate(zip(paths, mounts, strict=True)):
        bench.places[path] = bench.make("place", str(number))
        attach(descriptor, bench.places[path])


def overlay_on(bench: Bench, lower: str) -> int:
    """An unattached overlay that looks like the directory `lower`; what is written goes to memory and is gone with it."""
    # The upper layer must be attached while overlayfs takes it, and only then.
    layer = bench.make("overlay")
    attach(mount.new_filesystem("tmpfs", {"mode": "0755"}, mount.MOUNT_ATTR_NODEV), layer)
    try:
        upper, work = f"{layer}/upper", f"{layer}/work"
        os.mkdir(upper, 0o755)
        os.mkdir(work, 0o755)
        # The top directory of an overlay has the owner and the mode of its upper layer.
        status = os.stat(lower)
        os.chown(upper, status.st_uid, status.st_gid)
        os.chmod(upper, stat.S_IMODE(status.st_mode))
        layers = {"lowerdir": lower, "upperdir": upper, "workdir": work}
        return mount.new_filesystem("overlay", layers, mount.MOUNT_ATTR_NODEV)
    finally:
        mount.umount2(layer, mount.MNT_DETACH)
        os.rmdir(layer)
