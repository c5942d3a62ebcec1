"""The steps that make a sandbox before its pod is known, in the supervisor: namespaces, and what every pod has.

A supervisor is started ahead of its pod and takes these steps while nobody waits for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os

from ecirun.linux import cgroup, loopback, mount, process
from ecirun.runtime.pause import Pause
from ecirun.runtime.state import BENCH, STATE, PodFolder, draft
from ecirun.runtime.steps import Step

STATE_ON_BENCH = f"{BENCH}/state"

POD_NAMESPACES = process.CLONE_NEWNET | process.CLONE_NEWIPC | process.CLONE_NEWUTS
CGROUP_PARENT = "ecirun"


class Bench:
    """What the supervisor's steps hand to each other: the pod's private work mount at `path`, its cgroup and its network."""

    def __init__(self, host_network: int) -> None:
        self.path = BENCH
        self.host_network = host_network  # a descriptor of the host's network namespace
        self.folder: PodFolder | None = None  # the pod's, in the state folder
        self.pause: Pause | None = None  # where the containers share their processes
        self.proc = -1  # a procfs that nothing else can see, for the pod's sysctls
        self.group: cgroup.Group | None = None
        self.group_lock = -1
        self.address = ""  # of the pod on the bridge, once it has one
        self.places: dict[str, str] = {}  # where folders of the host that the client opened are on the bench

    def at(self, *parts: str) -> str:
        """A path on the bench."""
        return os.path.join(self.path, *parts)


class Workbench:
    """A mount namespace, and in it a small tmpfs for what the containers share. The state folder moves onto it."""

    name = "workbench"

    def describe(self) -> str:
        return "mount the pod's private work space"

    def run(self, bench: Bench) -> None:
        process.unshare(process.CLONE_NEWNS)
        state = mount.open_tree(STATE)
        tmpfs = mount.new_filesystem("tmpfs", {"mode": "0700", "size": "16m"}, mount.attributes(("nosuid", "nodev")))
        attach(tmpfs, bench.path)
        for folder in ("empty", "files", "mqueue", "overlay", "places", "proc", "shm", "stage", "state", "sysctl", "volumes"):
            os.mkdir(bench.at(folder), 0o755)
        attach(state, STATE_ON_BENCH)


class StateFolder:
    """A folder for the pod in the state folder, which gets the pod's name when that is known."""

    name = "state-folder"

    def describe(self) -> str:
        return f"make a folder for the pod in {STATE}"

    def run(self, bench: Bench) -> None:
        bench.folder = draft(STATE_ON_BENCH)


class Namespaces:
    """The network, IPC and UTS namespaces that all containers of the pod share."""

    name = "namespaces"

    def describe(self) -> str:
        return "create the network, IPC and UTS namespaces"

    def run(self, bench: Bench) -> None:
        process.unshare(POD_NAMESPACES)
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
        attach(mount.new_filesystem("tmpfs", {"mode": "1777", "size": "65536k"}, mount.SAFE, source="shm"), bench.at("shm"))
        attach(mount.new_filesystem("mqueue", {}, mount.SAFE), bench.at("mqueue"))


class ControlGroup:
    """A control group for the pod. Its lock tells the living from what a killed supervisor left behind."""

    name = "cgroup"

    def __init__(self, hierarchies: tuple[cgroup.Hierarchy, ...]) -> None:
        self.hierarchies = hierarchies

    def describe(self) -> str:
        versions = " and ".join(sorted({f"{hierarchy.version}" for hierarchy in self.hierarchies}))
        return (
            f"make the pod's control group (version {versions})" if versions else "make no control group: none can be made here"
        )

    def run(self, bench: Bench) -> None:
        if self.hierarchies:
            bench.group, bench.group_lock = _locked_group(self.hierarchies)


def _locked_group(hierarchies: tuple[cgroup.Hierarchy, ...]) -> tuple[cgroup.Group, int]:
    while True:
        # Pids come again, and are not alone in a cgroup tree that several pid namespaces share.
        group = cgroup.create(hierarchies, f"{CGROUP_PARENT}/{os.getpid()}-{os.urandom(4).hex()}")
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(group.places[0], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Between its making and its lock it looked like one that was left behind.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(lock), os.stat(group.places[0])):
                    return group, lock
            os.close(lock)


def sweep_groups(hierarchies: tuple[cgroup.Hierarchy, ...]) -> None:
    """Remove the groups of supervisors that were killed."""
    if not hierarchies:
        return
    parents = [f"{hierarchy.folder}/{CGROUP_PARENT}" for hierarchy in hierarchies]
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(parents[0]):
            if not os.path.isdir(f"{parents[0]}/{name}"):
                continue
            lock = os.open(f"{parents[0]}/{name}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for parent in parents:
                    cgroup.remove_folder(f"{parent}/{name}")
            os.close(lock)
    for parent in parents:
        with contextlib.suppress(OSError):
            os.rmdir(parent)


def sandbox_steps(hierarchies: tuple[cgroup.Hierarchy, ...]) -> list[Step[Bench]]:
    """The steps of a sandbox, in order."""
    return [Workbench(), StateFolder(), Namespaces(), LoopbackUp(), SharedMounts(), ControlGroup(hierarchies)]


def attach_places(bench: Bench, paths: list[str], mounts: tuple[int, ...]) -> None:
    """Attach the folders of the host that the client opened."""
    for number, (path, descriptor) in enumerate(zip(paths, mounts, strict=True)):
        bench.places[path] = bench.at("places", str(number))
        os.mkdir(bench.places[path], 0o755)
        attach(descriptor, bench.places[path])


def attach(descriptor: int, path: str) -> None:
    """Attach an unattached mount to a directory and close its descriptor."""
    target = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        mount.move_mount(descriptor, target, path)
    finally:
        os.close(target)
        os.close(descriptor)


def remove_group(group: cgroup.Group | None) -> bool:
    """Remove a pod's group, and the folder of all pods' groups when it was the last. Whether the group is gone."""
    if group is None:
        return True
    gone = cgroup.remove(group)
    for place in group.places:
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(place))
    return gone
