"""The steps of a container's process: when it is in its control group, then in its finished tree, up to exec.

Nothing here may import, log or take a lock: only the container's own files are left to look at.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import struct
import termios

from ecirun.errors import CommandNotExecutable, CommandNotFound, LaunchFailed
from ecirun.linux import credentials, process, seccomp
from ecirun.linux.devices import stateless_device
from ecirun.linux.sockets import Socket
from ecirun.plan.model import Command, Groundwork, Identity, ProcessPlan
from ecirun.runtime import messages, spawning
from ecirun.runtime.program import find_program

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from ecirun.runtime.steps import Step

# include/uapi/asm-generic/ioctls.h
TIOCGPTPEER = 0x5441
TIOCSPTLCK = 0x40045431


class Bench:
    """What the steps hand to each other.

    `supervisor` is the socket to it, `directory` the working directory, `program` the path of what is executed, and `window`
    the size of the user's terminal. `pause` is a pidfd of pause, and `terminal` the ruling end of a terminal that a step has
    opened, both only where processes are shared. `all_is_there` says whether the supervisor has finished.
    """

    def __init__(self, supervisor: Socket) -> None:
        self.supervisor = supervisor
        self.all_is_there = False
        self.directory = -1
        self.program = ""
        self.window: tuple[int, ...] = ()
        self.pause = -1
        self.terminal = -1

    def wait_for_all(self) -> None:
        """Until nothing of the tree is missing, and nothing is there that does not belong to it."""
        if not self.all_is_there:
            message, _descriptors = messages.receive(self.supervisor)
            if message is None:
                os._exit(0)
            self.all_is_there = True


class CgroupNamespace:
    """The container's control group, which the supervisor has put this process into, looks like the only one."""

    name = "cgroup-namespace"

    def describe(self) -> str:
        return "create the cgroup namespace"

    def run(self, bench: Bench) -> None:
        process.unshare(process.CLONE_NEWCGROUP)


class OpenTerminal:
    """A terminal of the container's own devpts; its other end goes to the client."""

    name = "terminal"

    def __init__(self, uid: int, *, shared_processes: bool) -> None:
        self.uid = uid
        self.shared_processes = shared_processes

    def describe(self) -> str:
        return "open a terminal of the container's own"

    def run(self, bench: Bench) -> None:
        terminal, user_end = open_terminal(self.uid, bench.window)
        if self.shared_processes:
            bench.terminal = os.dup(terminal)  # for the process that will be the leader of the terminal's session
        else:
            fcntl.ioctl(user_end, termios.TIOCSCTTY, 0)
        for standard in (0, 1, 2):
            os.dup2(user_end, standard)
        os.close(user_end)
        messages.send(bench.supervisor, {"terminal": True}, (terminal,))
        os.close(terminal)


def open_terminal(uid: int, window: tuple[int, ...]) -> tuple[int, int]:
    """Both ends of a new terminal of this root's devpts; the second is what programs open, and belongs to `uid`.

    `window` is its size as `terminal.window_size` gives it.
    """
    terminal = os.open("/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    fcntl.ioctl(terminal, TIOCSPTLCK, struct.pack("i", 0))
    user_end = fcntl.ioctl(terminal, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    os.fchown(user_end, uid, -1)
    if window:
        fcntl.ioctl(user_end, termios.TIOCSWINSZ, struct.pack("HHHH", *window))
    return terminal, user_end


def use_own_device(stream: int) -> None:
    """Open the node of this root in place of the host's, whose owner and mode could be changed through the descriptor."""
    device = stateless_device(stream)
    if device:
        mode = fcntl.fcntl(stream, fcntl.F_GETFL) & os.O_ACCMODE
        own = os.open(f"/dev/{device}", mode | os.O_CLOEXEC)
        os.dup2(own, stream, inheritable=os.get_inheritable(stream))
        os.close(own)


class EnterDirectory:
    """The working directory, while still privileged."""

    name = "enter-directory"

    def __init__(self, path: str, umask: int) -> None:
        self.path = path
        self.umask = umask

    def describe(self) -> str:
        return f"enter {self.path}, umask {self.umask:04o}"

    def run(self, bench: Bench) -> None:
        os.umask(self.umask)
        os.fchdir(bench.directory)
        os.close(bench.directory)


class CheckProgram:
    """Say why there is nothing to execute, if that is so."""

    name = "check-program"

    def __init__(self, command: Command) -> None:
        self.command = command

    def describe(self) -> str:
        return "check that there is a program"

    def run(self, bench: Bench) -> None:
        if not bench.program:
            bench.wait_for_all()
            root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            bench.program = find_program(self.command.argv[0], self.command.env.get("PATH", ""), os.getcwd(), root)


class LimitCapabilities:
    """Nothing that is executed from here on can have more than the bounding set; this process keeps what it has.

    `had` is a mask that the set is within already.
    """

    name = "bounding-set"

    def __init__(self, identity: Identity, had: int = credentials.ALL) -> None:
        self.identity = identity
        self.had = had

    def describe(self) -> str:
        return f"drop all but {self.identity.bounding} from the bounding set"

    def run(self, bench: object) -> None:
        credentials.drop_bounding_set(int(self.identity.bounding, 16), self.had)


class BecomeUser:
    """Give up privilege, in the only order that works; the bounding set, which needs SETPCAP, is gone before.

    1. keepcaps
    2. groups, gid, uid (need SETGID, SETUID)
    3. the working directory must still be inside
    4. permitted and effective to what is granted, inheritable and with it ambient empty
    5. PDEATHSIG, which the uid change cleared
    6. no_new_privs when asked

    A seccomp filter comes before all of it: it needs SYS_ADMIN.
    """

    name = "credentials"

    def __init__(self, identity: Identity) -> None:
        self.identity = identity

    def describe(self) -> str:
        text = f"become uid {self.identity.uid}, gid {self.identity.gid}, capabilities {self.identity.permitted}"
        return text + (", behind a seccomp filter" if self.identity.seccomp == "RuntimeDefault" else "")

    def run(self, bench: object) -> None:
        mask = int(self.identity.bounding, 16)
        if self.identity.seccomp == "RuntimeDefault":
            seccomp.apply_runtime_default(may_trace=bool(mask >> credentials.CAP_SYS_PTRACE & 1))
        credentials.keep_capabilities_over_setuid(True)
        os.setgroups(self.identity.groups)
        gid, uid = self.identity.gid, self.identity.uid
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        if not os.getcwd().startswith("/"):
            raise LaunchFailed("Can't start outside the container's root", step=self.name, hint="set workingDir to a directory")
        credentials.capset(mask)
        credentials.keep_capabilities_over_setuid(False)
        credentials.set_parent_death_signal(signal.SIGKILL)
        if self.identity.no_new_privs:
            credentials.set_no_new_privs()


class JoinPause:
    """Children of this process are in pause's PID namespace from here on; the process itself is never seen there."""

    name = "join-pause"

    def describe(self) -> str:
        return "join the pod's PID namespace"

    def run(self, bench: Bench) -> None:
        process.setns(bench.pause, process.CLONE_NEWPID)
        os.close(bench.pause)


class AwaitAll:
    """The supervisor has things to finish meanwhile: the stage still lay on the root, limits were not written."""

    name = "await-all"

    def describe(self) -> str:
        return "wait until the stage is gone and the limits are written"

    def run(self, bench: Bench) -> None:
        bench.wait_for_all()


class SpawnAndWait:
    """Where processes are shared the last step starts the program, waits for it, and never returns."""

    name = "exec"

    def __init__(self, command: Command) -> None:
        self.command = command

    def describe(self) -> str:
        return "execute " + " ".join(self.command.shown_argv)

    def run(self, bench: Bench) -> None:
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
        return "execute " + " ".join(self.command.shown_argv)

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
    if error.errno == errno.E2BIG:
        return CommandNotExecutable(message, hint="give it less to start with, and the rest through a file or standard input")
    return CommandNotExecutable(message, hint="check the file's mode, format and interpreter")


def steps_in_group() -> list[Step[Bench]]:
    """What must wait until the supervisor has put the process into its control group, and for nothing else, in order."""
    return [CgroupNamespace()]


def steps_in_tree(container: ProcessPlan, groundwork: Groundwork) -> list[Step[Bench]]:
    """The other steps, in order."""
    command, uid = container.command, container.identity.uid
    shared = container.shared_processes
    steps: list[Step[Bench]] = [LimitCapabilities(container.identity, int(groundwork.bounding, 16))]
    if command.terminal:
        steps.append(OpenTerminal(uid, shared_processes=shared))
    steps += [EnterDirectory(command.cwd, int(container.umask, 8)), CheckProgram(command)]
    if shared:
        return [*steps, JoinPause(), BecomeUser(container.identity), AwaitAll(), SpawnAndWait(command)]
    return [*steps, BecomeUser(container.identity), AwaitAll(), Execute(command)]
