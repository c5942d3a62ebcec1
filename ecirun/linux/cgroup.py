"""Control groups of version 1, of version 2, and of both at once (cgroups(7), Documentation/admin-guide/cgroup-v2.rst).

A group that is asked for is made in every hierarchy that has one of the wanted controllers, beneath the group in which this
process is, so that whoever limits ecirun limits its pods too.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
from collections.abc import Iterable, Iterator, Mapping

from ecirun.linux import proc
from ecirun.record import Record

MOST_ATTEMPTS = 1000  # of killing a group that forks while it is killed
WANTED = ("cpu", "memory", "pids")
ROOM = "ecirun-room"  # the group that takes in the processes of one that shall have groups with controllers


class Hierarchy(Record):
    """One mounted hierarchy: the folder below which groups are made, the controllers that they can have, its mount point."""

    folder: str
    controllers: frozenset[str]
    version: int
    mount: str


class Group(Record):
    """One group, seen as the folder of each of its controllers; the key `2` is its folder in the version 2 hierarchy."""

    folders: Mapping[str, str]

    @property
    def places(self) -> tuple[str, ...]:
        """Its folders, each once."""
        return tuple(dict.fromkeys(self.folders.values()))

    def version_2(self, controller: str) -> bool:
        """Whether the controller is one of version 2, which names its files differently."""
        return controller in self.folders and self.folders[controller] == self.folders.get("2")


def hierarchies() -> tuple[Hierarchy, ...]:
    """The hierarchies in which there may be groups, were they all writable: see `usable`."""
    own, mounts = _own_groups("/proc/self/cgroup"), _mounts()
    found: dict[str, Hierarchy] = {}
    for point, root, kind, options in mounts:
        if kind == "cgroup2":
            hierarchy = _version_2(point, _below(point, root, own.get("", "/")))
        else:
            controllers = options & set(WANTED)
            path = next((path for names, path in own.items() if options & set(names.split(","))), "/")
            hierarchy = Hierarchy(_below(point, root, path), frozenset(controllers), 1, point)
        if hierarchy.controllers or hierarchy.version == 2:
            found.setdefault(",".join(sorted(hierarchy.controllers)), hierarchy)
    return tuple(found.values())


def usable(found: Iterable[Hierarchy]) -> tuple[Hierarchy, ...]:
    """Those in which this process may make groups."""
    writable = [hierarchy for hierarchy in found if os.access(hierarchy.folder, os.W_OK)]
    # A version 2 without the controllers, beside version 1 with them, is of no use.
    return tuple(hierarchy for hierarchy in writable if hierarchy.controllers or len(writable) == 1)


def other_hierarchies(known: Iterable[Hierarchy]) -> tuple[Hierarchy, ...]:
    """Every other mounted hierarchy in which this process may make groups, with what it is known by as its controllers."""
    taken = {name for hierarchy in known for name in (hierarchy.controllers if hierarchy.version == 1 else ("",))}
    own, found = _own_groups("/proc/self/cgroup"), []
    for point, root, kind, options in _mounts():
        names = next((names for names in own if (not names if kind == "cgroup2" else options & set(names.split(",")))), None)
        if names is None or taken & set(names.split(",")):
            continue
        taken |= set(names.split(","))
        folder = _below(point, root, own[names])
        if os.access(folder, os.W_OK):
            found.append(Hierarchy(folder, frozenset(filter(None, names.split(","))), 1 if names else 2, point))
    return tuple(found)


def _own_groups(path: str) -> dict[str, str]:
    """The groups of a process by the names of their controllers, from its /proc/PID/cgroup (cgroups(7))."""
    with open(path) as file:
        return {names: group for _number, names, group in (line.split(":", 2) for line in file.read().splitlines())}


def _mounts() -> list[tuple[str, str, str, set[str]]]:
    with open("/proc/self/mountinfo") as file:
        return [mount for line in file if (mount := _cgroup_mount(line))]


def _cgroup_mount(line: str) -> tuple[str, str, str, set[str]] | None:
    """(mount point, root, type, controllers) of a cgroup mount's line of mountinfo (proc_pid_mountinfo(5)), else None."""
    if " - cgroup" not in line:
        return None
    before, after = line.split(" - ", 1)
    root, point = before.split()[3:5]
    kind, _source, options = after.split()[:3]
    return point, root, kind, set(options.split(","))


def _below(point: str, root: str, path: str) -> str:
    """The folder below the mount point of the group `path`; `root` is what of the hierarchy is mounted there."""
    inside = path.removeprefix(root.rstrip("/")) if path.startswith(root) else "/"
    return point if "/.." in inside or inside == "/" else point + inside


def _version_2(point: str, folder: str) -> Hierarchy:
    """The nearest ancestor whose groups have controllers: one that holds processes cannot have such groups itself.

    Where there is none, the own group may be given room for them (see `cgroup_room`).
    """
    folder = folder.removesuffix(f"/{ROOM}")
    last = folder if _sees_its_hosts_groups() else point
    at = folder
    while True:
        controllers = words(f"{at}/cgroup.subtree_control") & set(WANTED)
        if controllers:
            return Hierarchy(at, frozenset(controllers), 2, point)
        if at == last or len(at) <= len(point):
            return Hierarchy(folder, frozenset(), 2, point)
        at = os.path.dirname(at)


def _sees_its_hosts_groups() -> bool:
    """Whether this is a container (another PID namespace, whose PID 1 is in the own group) without a cgroup namespace."""
    if proc.in_first_namespace("pid") or not proc.in_first_namespace("cgroup"):
        return False
    return _own_groups("/proc/self/cgroup").get("") == _own_groups("/proc/1/cgroup").get("")


def words(path: str) -> set[str]:
    """The words of one file; none where it cannot be read."""
    return set(read(path).split())


def create(where: Iterable[Hierarchy], path: str) -> Group:
    """A new group at `path` in every hierarchy; parents are made. Raises OSError."""
    folders: dict[str, str] = {}
    for hierarchy in where:
        folder = f"{hierarchy.folder}/{path}"
        _make(hierarchy, folder)
        for controller in hierarchy.controllers:
            folders[controller] = folder
        if hierarchy.version == 2:
            folders["2"] = folder
    return Group(folders)


def _make(hierarchy: Hierarchy, folder: str) -> None:
    while True:
        with _suppress_gone():
            os.mkdir(folder, 0o755)
            if hierarchy.version == 1 and "cpuset" in hierarchy.controllers:
                _inherit_cpuset(folder)
            return
        # The parent is not there, or somebody else's last group below it has just gone, and the parent with it.
        parent = os.path.dirname(folder)
        with _suppress_gone():
            os.makedirs(parent, 0o755, exist_ok=True)
            if hierarchy.version == 2:
                enable(parent, hierarchy.controllers)


@contextlib.contextmanager
def _suppress_gone() -> Iterator[None]:
    """A group that somebody takes away meanwhile is missing; a file of it that is open already has no device any more."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENODEV):
            raise


def _inherit_cpuset(folder: str) -> None:
    """A group of version 1 begins without CPUs and memory nodes, and takes no process without them."""
    parent = os.path.dirname(folder)
    for name in ("cpuset.cpus", "cpuset.mems"):
        if not read(f"{folder}/{name}") and os.path.exists(f"{parent}/{name}"):
            if not read(f"{parent}/{name}"):
                _inherit_cpuset(parent)
            write(f"{folder}/{name}", read(f"{parent}/{name}"))


def enable(folder: str, controllers: Iterable[str]) -> None:
    """Let the groups below a version 2 group have the controllers."""
    text = " ".join(f"+{name}" for name in sorted(controllers))
    if text:
        write(f"{folder}/cgroup.subtree_control", text)


def enter(group: Group) -> None:
    """Move this process, which has one thread, into the group's folders of version 1 hierarchies.

    For what a whole process of somebody else's is moved, the kernel first waits until no processor forks: some 10 ms.
    """
    for place in group.places:
        if place != group.folders.get("2"):
            write(f"{place}/tasks", "0")


def add(group: Group, pid: int) -> None:
    """Move a process into the group's folder of the version 2 hierarchy, where it could not have been born there."""
    if "2" in group.folders:
        write(f"{group.folders['2']}/cgroup.procs", str(pid))


def birthplace(group: Group | None) -> int:
    """A descriptor of the group's folder of the version 2 hierarchy, for `process.clone3`; -1 where there is none."""
    return os.open(group.folders["2"], os.O_PATH | os.O_CLOEXEC) if group is not None and "2" in group.folders else -1


def write(path: str, value: str) -> None:
    """Write one file of a group."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, value.encode())
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None
    finally:
        os.close(descriptor)


def read(path: str) -> str:
    """The text of one file of a group; empty where the kernel does not have it."""
    try:
        with open(path, "rb", buffering=0) as file:  # what a text file brings with it takes longer than the file
            return file.readall().decode().strip()
    except OSError:
        return ""


def processes(group: Group) -> list[int]:
    """The processes of the group, those of groups below it not among them."""
    for place in group.places:
        return [int(word) for word in read(f"{place}/cgroup.procs").split()]
    return []


def kill(group: Group) -> None:
    """Kill every process of the group."""
    if "2" in group.folders:
        try:
            return write(f"{group.folders['2']}/cgroup.kill", "1")
        except FileNotFoundError:
            pass  # before Linux 5.14
    for _attempt in range(MOST_ATTEMPTS):
        pids = processes(group)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not pids:
            break
    return None


def remove(group: Group) -> bool:
    """Remove the group and those below it. Whether it is gone."""
    return all([remove_folder(place) for place in group.places])


def remove_folder(folder: str) -> bool:
    """Remove a group's folder with those below it; whether it is gone. Processes in it keep it."""
    if _rmdir(folder):  # as nearly every group is: with none below it
        return True
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return True
    return all([remove_folder(f"{folder}/{name}") for name in names]) and _rmdir(folder)


def _rmdir(folder: str) -> bool:
    try:
        os.rmdir(folder)
    except OSError as error:
        return error.errno == errno.ENOENT
    return True
