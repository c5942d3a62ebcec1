"""The steps of a container's process once it knows its container, from the stage to exec.

Nothing here may import, log or take a lock: only the stage and the container's own files are left to look at.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import struct
import termios

from ecirun.errors import CommandNotExecutable, CommandNotFound, LaunchFailed
from ecirun.linux import credentials, mount, openat2, process
from ecirun.plan.model import Command, ContainerPlan, Mount, Root
from ecirun.runtime import messages, spawning
from ecirun.runtime.program import find_program
from ecirun.runtime.shadow import ShowShadows
from ecirun.runtime.stage_steps import (
    TOPS,
    Bench,
    attach_in_root,
    describe_mount,
    make_directory,
    make_place,
    pivot,
    staged_mounts,
)
from ecirun.runtime.steps import Step

# include/uapi/asm-generic/ioctls.h
TIOCGPTPEER = 0x5441
TIOCSPTLCK = 0x40045431


class CgroupNamespace:
    """The container's control group, which the supervisor has put this process into, looks like the only one."""

    name = "cgroup-namespace"

    def describe(self) -> str:
        return "create the cgroup namespace"

    def run(self, bench: Bench) -> None:
        process.unshare(process.CLONE_NEWCGROUP)


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
        attach_in_root(bench.root, descriptor, self.mount)


class PivotRoot:
    """The container's tree is all there is from here on."""

    name = "pivot-root"

    def describe(self) -> str:
        return "pivot into the root and detach the stage"

    def run(self, bench: Bench) -> None:
        pivot(bench)


class RootReadOnly:
    """Last of the mounts: nothing needs a mount point any more."""

    name = "read-only-root"

    def describe(self) -> str:
        return "make the root read-only"

    def run(self, bench: Bench) -> None:
        mount.mount_setattr(bench.root, add=mount.MOUNT_ATTR_RDONLY, what="/")


class OpenTerminal:
    """A terminal of the container's own devpts; its other end goes to the client."""

    name = "terminal"

    def __init__(self, uid: int, *, shared_processes: bool) -> None:
        self.uid = uid
        self.shared_processes = shared_processes

    def describe(self) -> str:
        return "open a terminal of the container's own"

    def run(self, bench: Bench) -> None:
        terminal, user_end = open_terminal(self.uid)
        if self.shared_processes:
            bench.terminal = os.dup(terminal)  # for the process that will be the leader of the terminal's session
        else:
            fcntl.ioctl(user_end, termios.TIOCSCTTY, 0)
        for standard in (0, 1, 2):
            os.dup2(user_end, standard)
        os.close(user_end)
        bench.on_terminal(terminal)


def open_terminal(uid: int) -> tuple[int, int]:
    """Both ends of a new terminal of this root's devpts; the second is what programs open, and belongs to `uid`."""
    terminal = os.open("/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    fcntl.ioctl(terminal, TIOCSPTLCK, struct.pack("i", 0))
    user_end = fcntl.ioctl(terminal, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    os.fchown(user_end, uid, -1)
    return terminal, user_end


class StandardStreams:
    """Without a standard input the workload reads its own /dev/null; pipes become its own, so that it can open /dev/stdout."""

    name = "streams"

    def __init__(self, uid: int, *, stdin: bool) -> None:
        self.uid = uid
        self.stdin = stdin

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


class EnterDirectory:
    """The working directory, entered while still privileged, never through a magic link (CVE-2024-21626)."""

    name = "working-directory"

    def __init__(self, path: str, umask: int) -> None:
        self.path = path
        self.umask = umask

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


class FindProgram:
    """Which file will be executed; nothing in /proc may be."""

    name = "program"

    def __init__(self, command: Command) -> None:
        self.command = command

    def describe(self) -> str:
        return f"find the program {self.command.argv[0]}"

    def run(self, bench: Bench) -> None:
        bench.program = find_program(self.command.argv[0], self.command.env.get("PATH", ""), os.getcwd(), bench.root)


class BecomeUser:
    """Give up privilege, in the only order that works.

    1. bounding set (needs SETPCAP)
    2. keepcaps
    3. groups, gid, uid (need SETGID, SETUID)
    4. the working directory must still be inside
    5. permitted and effective to what is granted, inheritable and with it ambient empty
    6. PDEATHSIG, which the uid change cleared
    7. no_new_privs when asked
    """

    name = "credentials"

    def __init__(self, plan: ContainerPlan) -> None:
        self.plan = plan

    def describe(self) -> str:
        sets = self.plan.capabilities
        return f"become uid {self.plan.user.uid}, gid {self.plan.group.gid}, bounding set {sets.bounding.mask}"

    def run(self, bench: Bench) -> None:
        mask = int(self.plan.capabilities.bounding.mask, 16)
        credentials.drop_bounding_set(mask)
        credentials.keep_capabilities_over_setuid(True)
        os.setgroups([group.gid for group in self.plan.supplementary_groups])
        gid, uid = self.plan.group.gid, self.plan.user.uid
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        if not os.getcwd().startswith("/"):
            raise LaunchFailed("Can't start outside the container's root", step=self.name, hint="set workingDir to a directory")
        credentials.capset(mask)
        credentials.keep_capabilities_over_setuid(False)
        credentials.set_parent_death_signal(signal.SIGKILL)
        if self.plan.no_new_privs:
            credentials.set_no_new_privs()


class JoinPause:
    """Children of this process are in pause's PID namespace from here on; the process itself is never seen there."""

    name = "join-pause"

    def describe(self) -> str:
        return "join the pod's PID namespace"

    def run(self, bench: Bench) -> None:
        process.setns(bench.pause, process.CLONE_NEWPID)
        os.close(bench.pause)


class SpawnAndWait:
    """Where processes are shared the last step starts the program, waits for it, and never returns."""

    name = "exec"

    def __init__(self, command: Command) -> None:
        self.command = command

    def describe(self) -> str:
        return "execute " + " ".join(self.command.argv)

    def run(self, bench: Bench) -> None:
        assert bench.supervisor is not None
        credentials.set_dumpable(False)  # becoming another user made it what fs.suid_dumpable says
        try:
            pid = spawning.spawn(bench.program, self.command.argv, self.command.env, terminal=bench.terminal)
        except OSError as error:
            raise cannot_execute(self.command.argv[0], error) from None
        pidfd = os.pidfd_open(pid)
        messages.send(bench.supervisor, {"spawned": pid}, (pidfd,))
        process.close_range(0, 2)
        messages.send(bench.supervisor, spawning.wait(pid, pidfd, bench.supervisor))
        os._exit(0)


class Execute:
    """The last step never returns."""

    name = "exec"

    def __init__(self, command: Command) -> None:
        self.command = command

    def describe(self) -> str:
        return "execute " + " ".join(self.command.argv)

    def run(self, bench: Bench) -> None:
        try:
            os.execve(bench.program, self.command.argv, self.command.env)
        except OSError as error:
            raise cannot_execute(self.command.argv[0], error) from None


def cannot_execute(program: str, error: OSError) -> CommandNotFound | CommandNotExecutable:
    """What execve's refusal means, and whose exit code it is."""
    message = f'Can\'t run "{program}": {error.strerror}'
    if error.errno == errno.ENOENT:
        return CommandNotFound(message, hint="check the command and the image")
    return CommandNotExecutable(message, hint="check the file's mode, format and interpreter")


def later_mounts(container: ContainerPlan) -> list[Mount]:
    """The mounts that are not on the stage, in order."""
    staged = staged_mounts(container.mounts)
    return [entry for entry in container.mounts if entry not in staged]


def container_steps(container: ContainerPlan, shadowed: tuple[str, ...], *, stdin: bool) -> list[Step[Bench]]:
    """The steps, in order. `shadowed` are the paths below /proc/sys that are only shown."""
    command, uid = container.command, container.user.uid
    steps: list[Step[Bench]] = [CgroupNamespace(), AttachRoot(container.root), MoveKernelMounts()]
    steps += [AttachMount(entry) for entry in later_mounts(container)]
    if shadowed:
        steps.append(ShowShadows(shadowed))
    steps.append(PivotRoot())
    if container.root.read_only:
        steps.append(RootReadOnly())
    shared = container.shared_processes
    steps.append(OpenTerminal(uid, shared_processes=shared) if command.terminal else StandardStreams(uid, stdin=stdin))
    steps += [EnterDirectory(command.cwd, int(container.umask, 8)), FindProgram(command)]
    if shared:
        return [*steps, JoinPause(), BecomeUser(container), SpawnAndWait(command)]
    return [*steps, BecomeUser(container), Execute(command)]
