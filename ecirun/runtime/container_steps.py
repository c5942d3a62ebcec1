"""The steps of one container, in its own process: PID 1 of a new PID namespace, in a new mount and cgroup namespace.

Nothing here may import, log or take a lock: the host's files are gone halfway through.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import struct
import termios
from typing import NamedTuple

from ecirun.errors import CommandNotExecutable, CommandNotFound, LaunchFailed
from ecirun.linux import credentials, mount, openat2, process
from ecirun.plan.model import Command, ContainerPlan, Mount, PodPlan, Root
from ecirun.runtime import shadow
from ecirun.runtime.program import find_program
from ecirun.runtime.steps import Bench, Step

DEVICE_NUMBERS = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
DEVICE_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx",
}
# include/uapi/asm-generic/ioctls.h
TIOCGPTPEER = 0x5441
TIOCSPTLCK = 0x40045431


class OwnSession(NamedTuple):
    """Cut what ties this process to the one that started ecirun."""

    name: str = "session"

    def describe(self) -> str:
        return "start a session of its own: default signals, new keyring, die with the supervisor"

    def run(self, bench: Bench) -> None:
        credentials.set_parent_death_signal(signal.SIGKILL)
        os.setsid()
        process.default_signals()
        process.close_on_exec_from(3)
        process.new_session_keyring()


class AttachRoot(NamedTuple):
    """The image's tree, or a throw-away overlay on it."""

    root: Root
    name: str = "root"

    def describe(self) -> str:
        return f"attach the root {self.root.path}" + (" under a throw-away overlay" if self.root.overlay else "")

    def run(self, bench: Bench) -> None:
        descriptor = self._overlay(bench) if self.root.overlay else mount.open_tree(self.root.path)
        flags = mount.MOUNT_ATTR_NODEV | (0 if self.root.overlay else mount.MOUNT_ATTR_RDONLY)
        mount.mount_setattr(descriptor, add=flags, what=self.root.path)
        _attach(descriptor, bench.at("root"))
        bench.root = os.open(bench.at("root"), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        for path in self.root.create:
            if self._is_file(path):
                _make_file(bench.root, path)
            else:
                make_directory(bench.root, path)

    def _is_file(self, path: str) -> bool:
        return path in ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")

    def _overlay(self, bench: Bench) -> int:
        # The upper layer must be attached while overlayfs takes it; the root's place is free until then.
        _attach(mount.new_filesystem("tmpfs", {"mode": "0755"}, mount.MOUNT_ATTR_NODEV), bench.at("root"))
        upper, work = bench.at("root", "upper"), bench.at("root", "work")
        os.mkdir(upper, 0o755)
        os.mkdir(work, 0o755)
        layers = {"lowerdir": self.root.path, "upperdir": upper, "workdir": work}
        overlay = mount.new_filesystem("overlay", layers, mount.MOUNT_ATTR_NODEV)
        mount.umount2(bench.at("root"), mount.MNT_DETACH)
        return overlay


class RealDirectories(NamedTuple):
    """Refuse an image in which /proc, /sys or /dev is a link (CVE-2019-19921 and its kin)."""

    name: str = "real-directories"

    def describe(self) -> str:
        return "check that /proc, /sys and /dev are directories of the image"

    def run(self, bench: Bench) -> None:
        for name in ("proc", "sys", "dev"):
            try:
                status = os.stat(name, dir_fd=bench.root, follow_symlinks=False)
            except FileNotFoundError:
                make_directory(bench.root, name)
                continue
            if not stat.S_ISDIR(status.st_mode):
                raise LaunchFailed(
                    f"Can't mount on /{name}: it must be mounted on ordinary directory, and the image has something else there",
                    step=self.name,
                    hint=f"make /{name} a directory in the image",
                )


class AttachMount(NamedTuple):
    """One mount of the plan."""

    mount: Mount
    name: str = "mounts"

    def describe(self) -> str:
        options = ",".join(self.mount.options)
        return f"mount {self.mount.source or self.mount.type} on {self.mount.target} ({options})"

    def run(self, bench: Bench) -> None:
        target = self._target(bench)
        try:
            descriptor = self._open(bench)
            mount.move_mount(descriptor, target, self.mount.target)
            os.close(descriptor)
        finally:
            os.close(target)

    def _open(self, bench: Bench) -> int:
        flags = mount.attributes(self.mount.options)
        if self.mount.type in ("proc", "tmpfs", "devpts", "sysfs"):
            return mount.new_filesystem(self.mount.type, self.mount.data, flags)
        source = self.mount.source
        folder, _, name = source.partition(":")
        path = bench.at(source) if not name else bench.at({"file": "files", "volume": "volumes"}[folder], name)
        descriptor = mount.open_tree(path)
        mount.mount_setattr(descriptor, add=flags, what=self.mount.target)
        return descriptor

    def _target(self, bench: Bench) -> int:
        """The mount point. A volume's may be reached through the image's links, a kernel file system's never."""
        try:
            return openat2.open_in_root(bench.root, self.mount.target)
        except FileNotFoundError:
            if self.mount.type == "file":
                _make_file(bench.root, self.mount.target)
            else:
                make_directory(bench.root, self.mount.target)
            return openat2.open_in_root(bench.root, self.mount.target)


class BindDevices(NamedTuple):
    """The host's own nodes, checked, one bind each; read-only, so that nobody changes their owner or mode on the host."""

    names: tuple[str, ...]
    name: str = "devices"

    def describe(self) -> str:
        return "bind the device nodes " + " ".join(self.names)

    def run(self, bench: Bench) -> None:
        dev = openat2.open_in_root(bench.root, "dev")
        try:
            for name in self.names:
                self._bind(dev, name)
            for link, target in DEVICE_LINKS.items():
                os.symlink(target, link, dir_fd=dev)
        finally:
            os.close(dev)

    def _bind(self, dev: int, name: str) -> None:
        node = mount.open_tree(f"/dev/{name}")
        status = os.fstat(node)
        number = (os.major(status.st_rdev), os.minor(status.st_rdev))
        if not stat.S_ISCHR(status.st_mode) or number != DEVICE_NUMBERS[name]:
            raise LaunchFailed(
                f"Can't use the host's /dev/{name}: it is not character device {DEVICE_NUMBERS[name]}", step=self.name
            )
        mount.mount_setattr(node, add=mount.attributes(("ro", "nosuid", "noexec")), what=name)
        os.mknod(name, 0o100666, dir_fd=dev)
        place = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dev)
        mount.move_mount(node, place, name)
        os.close(place)
        os.close(node)


class ReadOnlyPaths(NamedTuple):
    """Parts of /proc that the workload may read only."""

    paths: tuple[str, ...]
    name: str = "read-only-paths"

    def describe(self) -> str:
        return "make read-only: " + " ".join(self.paths)

    def run(self, bench: Bench) -> None:
        for path in self.paths:
            place = _present(bench.root, path)
            if place < 0:
                continue
            copy = mount.open_tree("", dir_fd=place, recursive=True)
            mount.mount_setattr(copy, add=mount.MOUNT_ATTR_RDONLY, recursive=True, what=path)
            mount.move_mount(copy, place, path)
            os.close(copy)
            os.close(place)


class MaskPaths(NamedTuple):
    """Parts of /proc and /sys that the workload may not see: an empty directory, or the host's /dev/null."""

    paths: tuple[str, ...]
    name: str = "masked-paths"

    def describe(self) -> str:
        return "mask: " + " ".join(self.paths)

    def run(self, bench: Bench) -> None:
        for path in self.paths:
            place = _present(bench.root, path)
            if place < 0:
                continue
            is_directory = stat.S_ISDIR(os.fstat(place).st_mode)
            cover = mount.open_tree(bench.at("empty") if is_directory else "/dev/null")
            mount.mount_setattr(cover, add=mount.attributes(("ro", "nosuid", "noexec")), what=path)
            mount.move_mount(cover, place, path)
            os.close(cover)
            os.close(place)


class PivotRoot(NamedTuple):
    """Leave the host's tree for good."""

    read_only: bool
    name: str = "pivot-root"

    def describe(self) -> str:
        return "pivot into the root and detach the host's tree" + (", root read-only" if self.read_only else "")

    def run(self, bench: Bench) -> None:
        os.fchdir(bench.root)
        mount.pivot_root(".", ".")
        mount.umount2(".", mount.MNT_DETACH)
        os.chdir("/")
        os.close(bench.root)
        bench.root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


class RootReadOnly(NamedTuple):
    """Last of the mounts: nothing needs a mount point any more."""

    name: str = "read-only-root"

    def describe(self) -> str:
        return "make the root read-only"

    def run(self, bench: Bench) -> None:
        mount.mount_setattr(bench.root, add=mount.MOUNT_ATTR_RDONLY, what="/")


class OpenTerminal(NamedTuple):
    """A terminal of the container's own devpts; its other end goes to the client."""

    uid: int
    name: str = "terminal"

    def describe(self) -> str:
        return "open a terminal of the container's own"

    def run(self, bench: Bench) -> None:
        bench.terminal = os.open("/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        fcntl.ioctl(bench.terminal, TIOCSPTLCK, struct.pack("i", 0))
        user_end = fcntl.ioctl(bench.terminal, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        os.fchown(user_end, self.uid, -1)
        fcntl.ioctl(user_end, termios.TIOCSCTTY, 0)
        for standard in (0, 1, 2):
            os.dup2(user_end, standard)
        os.close(user_end)


class StandardStreams(NamedTuple):
    """Without -i the workload reads the container's /dev/null; pipes become the workload's, so that it can open /dev/stdout."""

    uid: int
    stdin: bool
    name: str = "streams"

    def describe(self) -> str:
        return "hand over the standard streams"

    def run(self, bench: Bench) -> None:
        if not self.stdin:
            null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
            os.dup2(null, 0)
            os.close(null)
        for standard in (0, 1, 2):
            if stat.S_ISFIFO(os.fstat(standard).st_mode):
                os.fchown(standard, self.uid, -1)


class EnterDirectory(NamedTuple):
    """The working directory, entered while still privileged, never through a magic link (CVE-2024-21626)."""

    path: str
    umask: int
    name: str = "working-directory"

    def describe(self) -> str:
        return f"enter {self.path}, umask {self.umask:04o}"

    def run(self, bench: Bench) -> None:
        os.umask(self.umask)
        try:
            directory = openat2.open_in_root(bench.root, self.path, os.O_PATH | os.O_DIRECTORY)
        except OSError as error:
            raise LaunchFailed(
                f"Can't enter working directory {self.path}: {error.strerror}",
                step=self.name,
                hint="set workingDir to a directory",
            ) from None
        os.fchdir(directory)
        os.close(directory)


class FindProgram(NamedTuple):
    """Which file will be executed; nothing in /proc may be."""

    command: Command
    name: str = "program"

    def describe(self) -> str:
        return f"find the program {self.command.argv[0]}"

    def run(self, bench: Bench) -> None:
        bench.program = find_program(self.command.argv[0], self.command.env.get("PATH", ""), os.getcwd(), bench.root)


class BecomeUser(NamedTuple):
    """Give up privilege, in the only order that works.

    1. bounding set (needs SETPCAP)
    2. keepcaps
    3. groups, gid, uid (need SETGID, SETUID)
    4. the working directory must still be inside
    5. permitted and effective to what is granted, inheritable and with it ambient empty
    6. PDEATHSIG, which the uid change cleared
    7. no_new_privs when asked
    """

    plan: ContainerPlan
    capabilities: frozenset[int]
    last: int
    name: str = "credentials"

    def describe(self) -> str:
        return (
            f"become uid {self.plan.user.uid}, gid {self.plan.group.gid}, bounding set {self.plan.capabilities.bounding.mask}"
        )

    def run(self, bench: Bench) -> None:
        os.close(bench.root)
        credentials.drop_bounding_set(self.capabilities, self.last)
        credentials.keep_capabilities_over_setuid(True)
        os.setgroups([group.gid for group in self.plan.supplementary_groups])
        gid, uid = self.plan.group.gid, self.plan.user.uid
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        if not os.getcwd().startswith("/"):
            raise LaunchFailed("Can't start outside the container's root", step=self.name, hint="set workingDir to a directory")
        credentials.capset(sum(1 << number for number in self.capabilities))
        credentials.keep_capabilities_over_setuid(False)
        credentials.set_parent_death_signal(signal.SIGKILL)
        if self.plan.no_new_privs:
            credentials.set_no_new_privs()


class Execute(NamedTuple):
    """The last step never returns."""

    command: Command
    name: str = "exec"

    def describe(self) -> str:
        return "execute " + " ".join(self.command.argv)

    def run(self, bench: Bench) -> None:
        try:
            os.execve(bench.program, self.command.argv, self.command.env)
        except OSError as error:
            message = f'Can\'t run "{self.command.argv[0]}": {error.strerror}'
            if error.errno == errno.ENOENT:
                raise CommandNotFound(message, hint="check the command and the image") from None
            raise CommandNotExecutable(message, hint="check the file's mode, format and interpreter") from None


def container_steps(
    plan: PodPlan, container: ContainerPlan, capabilities: frozenset[int], last: int, *, stdin: bool
) -> list[Step]:
    """The steps of one container, in order; `capabilities` are the numbers of its bounding set, `last` the kernel's newest."""
    before_devices = [entry for entry in container.mounts if entry.target in ("/proc", "/dev")]
    rest = [entry for entry in container.mounts if entry not in before_devices]
    steps: list[Step] = [OwnSession(), AttachRoot(container.root), RealDirectories()]
    steps += [AttachMount(entry) for entry in before_devices]
    steps.append(BindDevices(container.devices))
    steps += [AttachMount(entry) for entry in rest]
    steps += shadow.container_steps(plan.sysctls)
    steps += [ReadOnlyPaths(container.read_only_paths), MaskPaths(container.masked_paths)]
    steps.append(PivotRoot(container.root.read_only))
    if container.root.read_only:
        steps.append(RootReadOnly())
    uid = container.user.uid
    steps.append(OpenTerminal(uid) if container.command.terminal else StandardStreams(uid, stdin))
    steps += [
        EnterDirectory(container.command.cwd, int(container.umask, 8)),
        FindProgram(container.command),
        BecomeUser(container, capabilities, last),
        Execute(container.command),
    ]
    return steps


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


def _make_file(root: int, path: str) -> None:
    folder, _, name = path.rstrip("/").rpartition("/")
    if folder:
        make_directory(root, folder)
    parent = openat2.open_in_root(root, folder or "/", os.O_PATH | os.O_DIRECTORY)
    try:
        os.mknod(name, 0o100644, dir_fd=parent)
    except FileExistsError:
        pass
    finally:
        os.close(parent)


def _present(root: int, path: str) -> int:
    """A descriptor of `path` in the root, or -1 where this kernel does not have it."""
    try:
        return openat2.open_in_root(root, path)
    except FileNotFoundError:
        return -1


def _attach(descriptor: int, path: str) -> None:
    target = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    mount.move_mount(descriptor, target, path)
    os.close(target)
    os.close(descriptor)
