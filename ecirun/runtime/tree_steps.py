"""The steps that make a container's tree, in the supervisor: root, kernel mounts, volumes and files.

The supervisor takes them in the mount namespace of the container's process, whose root is the stage until the last but one of
them. No program runs there yet. Paths of the image are walked by the kernel's rules for a foreign root (openat2(2)).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator

from ecirun.errors import CommandNotExecutable, CommandNotFound, LaunchFailed
from ecirun.linux import mount, openat2, process
from ecirun.linux.devices import stateless_device
from ecirun.plan.model import Command, ContainerPlan, Mount, Root
from ecirun.runtime.program import find_program
from ecirun.runtime.shadow import ShowShadows
from ecirun.runtime.stage_steps import TOPS, describe_mount, detach_old_root, pivot, staged_mounts
from ecirun.runtime.steps import Fault, run_steps

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from ecirun.runtime.steps import Step

MOST_LINKS = 40  # MAXSYMLINKS of include/linux/namei.h


class Bench:
    """What the steps hand to each other.

    `root` is the directory that the mounts are made in: the stage, then the container's root. `mounts` are unattached mounts
    by target. What is found in the tree is the working `directory` and the path of the `program`. `streams` are the container's
    standard streams, of which `own` are devices of its own tree.
    """

    def __init__(self, mounts: dict[str, int], streams: tuple[int, ...]) -> None:
        self.root = -1
        self.mounts = mounts
        self.streams = list(streams)
        self.own: list[int] = []
        self.directory = -1
        self.program = ""

    def close(self) -> None:
        """Let go of all."""
        for descriptor in (self.root, self.directory, *self.own, *self.mounts.values()):
            if descriptor >= 0:
                os.close(descriptor)


class AttachRoot:
    """The image's tree, or a throw-away overlay on it, and in that the mount points that the image lacks."""

    name = "root"

    def __init__(self, root: Root) -> None:
        self.root = root

    def describe(self) -> str:
        return f"attach the root {self.root.path}" + (" under a throw-away overlay" if self.root.overlay else "")

    def run(self, bench: Bench) -> None:
        place = os.open("/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        descriptor = bench.mounts.pop("/")
        mount.move_mount(descriptor, place, "/")
        os.close(place)
        os.close(descriptor)
        os.close(bench.root)
        bench.root = os.open("/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        for path in self.root.create:
            if path in bench.mounts:
                make_place(bench.root, path, bench.mounts[path])
            else:
                make_directory(bench.root, path)


class MoveKernelMounts:
    """From the stage into the root, where /proc, /dev and /sys must be directories (CVE-2019-19921 and its kin)."""

    name = "real-directories"

    def describe(self) -> str:
        return "move /proc, /dev and /sys into the root, which must have directories there"

    def run(self, bench: Bench) -> None:
        for top in TOPS:
            staged = os.open(top, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            if os.fstat(staged).st_dev != os.stat("/").st_dev:  # else a volume stands there instead
                target = self._directory(bench.root, top.strip("/"))
                mount.move_mount(staged, target, top)
                os.close(target)
            os.close(staged)

    def _directory(self, root: int, name: str) -> int:
        flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(name, flags, dir_fd=root)
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise LaunchFailed(
                f"Can't mount on /{name}: it must be mounted on ordinary directory, and the image has something else there",
                step=self.name,
                hint=f"make /{name} a directory in the image",
            )
        return descriptor


class AttachMount:
    """One mount that depends on the container: a volume, a file of the kubelet's, or what a volume over /dev displaced."""

    name = "mounts"

    def __init__(self, entry: Mount) -> None:
        self.mount = entry

    def describe(self) -> str:
        return describe_mount(self.mount)

    def run(self, bench: Bench) -> None:
        if self.mount.source:
            descriptor = bench.mounts.pop(self.mount.target)
        else:
            descriptor = mount.new_filesystem(self.mount.type, self.mount.data, mount.attributes(self.mount.options))
        try:
            attach_in_root(bench.root, descriptor, self.mount)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            what = f'volume "{self.mount.source.partition(":")[2]}"' if self.mount.type == "volume" else self.mount.source
            raise LaunchFailed(
                f"Can't mount {what} on {self.mount.target}: one is a directory and the other is not",
                step=self.name,
                hint="mount a directory on a directory and a file on a file",
            ) from None


class StandardStreams:
    """Pipes become the workload's, so that it can open /dev/stdout; instead of the host's /dev/null it gets its own.

    The owner and mode of the host's could be changed through its descriptor.
    """

    name = "streams"

    def __init__(self, uid: int) -> None:
        self.uid = uid

    def describe(self) -> str:
        return "hand over the standard streams"

    def run(self, bench: Bench) -> None:
        for number, stream in enumerate(bench.streams):
            if device := stateless_device(stream):
                mode = fcntl.fcntl(stream, fcntl.F_GETFL) & os.O_ACCMODE
                bench.streams[number] = openat2.open_in_root(bench.root, f"/dev/{device}", mode)
                bench.own.append(bench.streams[number])
            elif stat.S_ISFIFO(os.fstat(stream).st_mode):
                # In a user namespace the pipe may belong to somebody who does not exist there; it can be written all the same.
                with contextlib.suppress(PermissionError):
                    os.fchown(stream, self.uid, -1)


class PivotRoot:
    """The container's tree is its process's root from here on."""

    name = "pivot-root"

    def describe(self) -> str:
        return "pivot into the root"

    def run(self, bench: Bench) -> None:
        root, bench.root = bench.root, -1
        pivot(root)


class DetachStage:
    """And nothing else is there."""

    name = "detach-stage"

    def describe(self) -> str:
        return "detach the stage"

    def run(self, bench: Bench) -> None:
        detach_old_root()


class RootReadOnly:
    """Last of the mounts: nothing needs a mount point any more."""

    name = "read-only-root"

    def describe(self) -> str:
        return "make the root read-only"

    def run(self, bench: Bench) -> None:
        mount.mount_setattr(bench.root, add=mount.MOUNT_ATTR_RDONLY, what="/")


class FindDirectory:
    """The working directory, found without magic links (CVE-2024-21626)."""

    name = "working-directory"

    def __init__(self, path: str) -> None:
        self.path = path

    def describe(self) -> str:
        return f"find the working directory {self.path}"

    def run(self, bench: Bench) -> None:
        try:
            bench.directory = openat2.open_in_root(bench.root, self.path, os.O_PATH | os.O_DIRECTORY)
        except FileNotFoundError:
            # One in the image's tree is there by now; this one is in a volume.
            with contextlib.suppress(OSError):
                make_directory(bench.root, self.path)
            bench.directory = open_directory(bench.root, self.path)
        except OSError as error:
            raise cannot_enter(self.path, error) from None


def open_directory(root: int, path: str) -> int:
    """A descriptor of the working directory `path` inside the root. Raises LaunchFailed."""
    try:
        return openat2.open_in_root(root, path, os.O_PATH | os.O_DIRECTORY)
    except OSError as error:
        raise cannot_enter(path, error) from None


def cannot_enter(path: str, error: OSError) -> LaunchFailed:
    """The error of a working directory that cannot be had."""
    return LaunchFailed(
        f"Can't enter working directory {path}: {error.strerror}",
        step=FindDirectory.name,
        hint="set workingDir to a directory",
    )


class FindProgram:
    """Which file will be executed; nothing in /proc may be.

    `/proc/self` is nobody here: when there is nothing to execute, the container's process itself looks again and says why.
    """

    name = "program"

    def __init__(self, command: Command) -> None:
        self.command = command

    def describe(self) -> str:
        return f"find the program {self.command.argv[0]}"

    def run(self, bench: Bench) -> None:
        with contextlib.suppress(CommandNotFound, CommandNotExecutable):
            bench.program = find_program(self.command.argv[0], self.command.env.get("PATH", ""), self.command.cwd, bench.root)


def later_mounts(container: ContainerPlan) -> list[Mount]:
    """The mounts that are not on the stage, in order."""
    staged = staged_mounts(container.mounts)
    return [entry for entry in container.mounts if entry not in staged]


def tree_steps(container: ContainerPlan, shadowed: tuple[str, ...]) -> list[Step[Bench]]:
    """The steps, in order. `shadowed` are the paths below /proc/sys that are only shown."""
    steps: list[Step[Bench]] = [AttachRoot(container.root), MoveKernelMounts()]
    steps += [AttachMount(entry) for entry in later_mounts(container)]
    if shadowed:
        steps.append(ShowShadows(shadowed))
    if container.root.read_only:
        steps.append(RootReadOnly())
    steps += [FindDirectory(container.command.cwd), FindProgram(container.command)]
    if not container.command.terminal:
        steps.append(StandardStreams(container.user.uid))
    return [*steps, PivotRoot(), DetachStage()]


@contextlib.contextmanager
def tree_in_the_making(
    steps: list[Step[Bench]], bench: Bench, where: int, back: int, say: Callable[[str], None] | None, fault: Fault
) -> Iterator[Bench]:
    """Take the steps in the mount namespace `where`, and come back to `back`.

    Before the last step, which takes a while, `with` gives the bench with what the others have found: somebody may make use of
    that meanwhile. Raises EcirunError or OSError.
    """
    process.setns(where, process.CLONE_NEWNS)
    try:
        bench.root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            run_steps(steps[:-1], bench, say, fault)
            yield bench
            run_steps(steps[-1:], bench, say, fault)
        finally:
            bench.close()
    finally:
        process.setns(back, process.CLONE_NEWNS)


def attach_in_root(root: int, descriptor: int, entry: Mount) -> None:
    """Attach an unattached mount at its target inside the root, never through a magic link, and close its descriptor.

    A mount point that is missing is made: a file for a file, a directory for everything else.
    """
    try:
        try:
            target = openat2.open_in_root(root, entry.target)
        except FileNotFoundError:
            make_place(root, entry.target, descriptor)
            target = openat2.open_in_root(root, entry.target)
        try:
            mount.move_mount(descriptor, target, entry.target)
        finally:
            os.close(target)
    finally:
        os.close(descriptor)


def make_place(root: int, path: str, mounted: int) -> None:
    """Make a mount point for what the descriptor `mounted` refers to: a directory for a directory, a file for all else."""
    if stat.S_ISDIR(os.fstat(mounted).st_mode):
        make_directory(root, path)
    else:
        make_file(root, path)


def make_directory(root: int, path: str) -> None:
    """Make the directory `path` and its parents inside the root; links of the image are followed inside it only."""
    done = "/"
    for part in path.strip("/").split("/"):
        parent = openat2.open_in_root(root, done, os.O_PATH | os.O_DIRECTORY)
        try:
            os.mkdir(part, 0o755, dir_fd=parent)
        except FileExistsError:
            pass
        finally:
            os.close(parent)
        done = f"{done.rstrip('/')}/{part}"


def make_file(root: int, path: str) -> None:
    """Make the empty file `path` and its parents inside the root; where links are there, what they lead to."""
    for _link in range(MOST_LINKS):
        folder, _, name = path.rstrip("/").rpartition("/")
        try:
            parent = openat2.open_in_root(root, folder or "/", os.O_PATH | os.O_DIRECTORY)
        except FileNotFoundError:
            make_directory(root, folder)
            parent = openat2.open_in_root(root, folder, os.O_PATH | os.O_DIRECTORY)
        try:
            os.mknod(name, 0o100644, dir_fd=parent)
            return
        except FileExistsError:
            try:
                target = os.readlink(name, dir_fd=parent)
            except OSError:
                return  # it is there, and no link
        finally:
            os.close(parent)
        path = target if target.startswith("/") else f"{folder}/{target}"
