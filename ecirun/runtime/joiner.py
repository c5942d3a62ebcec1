"""Executing a further program in a running container.

    supervisor                                  joiner (outside of the container's PID namespace)
    1. fork                                     2. joins the container's namespaces
    3. into the container's control group       4. gives up what the container does not have
    {"argv": …} + status, streams        ───▶   5. finds the program, spawns it into the PID namespace
                                                6. {"started"} and at last {"exited": …} to `status`
                                                   {"signal": n} from `status`, or its end, which means kill

Privilege is given up before anything of the joiner can be seen inside: the only process that is ever visible there is the
one that is spawned, and it shares the joiner's memory, which nobody may look at, until its program runs. Steps 1 to 4 are
taken ahead, so that an exec costs one spawn.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import struct
from typing import Any, NamedTuple

from ecirun.errors import EcirunError, LaunchFailed
from ecirun.linux import credentials, process, sockets
from ecirun.linux.sockets import Socket
from ecirun.plan.model import ContainerPlan
from ecirun.runtime import messages
from ecirun.runtime.container_process import STREAMS, error_message
from ecirun.runtime.container_steps import BecomeUser, EnterDirectory, cannot_execute, open_terminal
from ecirun.runtime.messages import Message
from ecirun.runtime.program import find_program
from ecirun.runtime.stage_steps import Bench
from ecirun.runtime.steps import run_steps

NAMESPACES = process.CLONE_NEWNS | process.CLONE_NEWPID | process.CLONE_NEWCGROUP
# include/uapi/asm-generic/ioctls.h
TIOCGPTN = 0x80045430


class Joiner(NamedTuple):
    """A process that has joined a container, as the supervisor holds it."""

    pid: int
    pidfd: int
    end: Socket


def start(container: int, plan: ContainerPlan) -> Joiner:
    """A process that joins the container of the pidfd `container` and waits for one request."""
    ours, theirs = sockets.pair()
    pid, pidfd = process.clone3(0)
    if pid == 0:
        _join(theirs, container, plan)
    theirs.close()
    return Joiner(pid, pidfd, ours)


def _join(supervisor: Socket, container: int, plan: ContainerPlan) -> None:
    """Never returns."""
    try:
        gc.disable()
        credentials.set_parent_death_signal(signal.SIGKILL)
        credentials.set_dumpable(False)
        low, high = sorted((supervisor.fileno(), container))
        process.close_range(3, low - 1)
        process.close_range(low + 1, high - 1)
        process.close_range(high + 1, 0xFFFFFFFF)
        process.default_signals()
        process.new_session_keyring()
        failed = _become_like(container, plan)
        message, descriptors = messages.receive(supervisor)
        if message is not None:
            status = sockets.adopt(descriptors[0])
            _serve(message, status, descriptors[1 : 1 + STREAMS], plan, failed)
    finally:
        os._exit(0)


def _become_like(container: int, plan: ContainerPlan) -> EcirunError | None:
    """Join and give up privilege; returns what went wrong."""
    try:
        process.setns(container, NAMESPACES)
    except OSError as error:
        return LaunchFailed(
            f'Can\'t join container "{plan.name}": {error.strerror}', step="join", hint="see whether it still runs"
        )
    os.close(container)
    bench = Bench()
    bench.root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        run_steps([EnterDirectory(plan.command.cwd, int(plan.umask, 8)), BecomeUser(plan)], bench)
    except EcirunError as error:
        return error
    finally:
        os.close(bench.root)
    credentials.set_dumpable(False)  # becoming another user made it what fs.suid_dumpable says
    return None


def _serve(message: Message, status: Socket, streams: tuple[int, ...], plan: ContainerPlan, failed: EcirunError | None) -> None:
    try:
        if failed:
            raise failed
        pid = _spawn(message, status, streams, plan)
    except (EcirunError, OSError) as error:
        messages.send(status, error_message(error))
        return
    for stream in streams:
        os.close(stream)
    messages.send(status, {"started": pid})
    messages.send(status, _wait(pid, status))


def _spawn(message: Message, status: Socket, streams: tuple[int, ...], plan: ContainerPlan) -> int:
    argv: list[str] = message["argv"]
    env: dict[str, str] = message["env"]
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    if message.get("cwd"):
        run_steps([EnterDirectory(message["cwd"], int(plan.umask, 8))], _bench_at(root))
    program = find_program(argv[0], env.get("PATH", ""), os.getcwd(), root)
    actions: list[Any] = [(os.POSIX_SPAWN_DUP2, stream, number) for number, stream in enumerate(streams)]
    if message.get("terminal"):
        terminal, user_end = open_terminal(-1)
        (number,) = struct.unpack("i", _ioctl(terminal, TIOCGPTN))
        messages.send(status, {"terminal": True}, (terminal,))
        os.close(terminal)
        # A session leader without a terminal takes the first that it opens.
        actions = [(os.POSIX_SPAWN_OPEN, 0, f"/dev/pts/{number}", os.O_RDWR, 0)]
        actions += [(os.POSIX_SPAWN_DUP2, 0, number) for number in (1, 2)]
    os.close(root)
    try:
        pid = os.posix_spawn(program, argv, env, file_actions=actions, setsid=True, setsigmask=(), setsigdef=_all_signals())
    except OSError as error:
        raise cannot_execute(argv[0], error) from None
    if message.get("terminal"):
        os.close(user_end)
    return pid


def _bench_at(root: int) -> Bench:
    bench = Bench()
    bench.root = root
    return bench


def _ioctl(descriptor: int, request: int) -> bytes:
    import fcntl

    return fcntl.ioctl(descriptor, request, struct.pack("i", 0))


def _all_signals() -> list[int]:
    return [number for number in range(1, 32) if number not in (signal.SIGKILL, signal.SIGSTOP)]


def _wait(pid: int, status: Socket) -> Message:
    """How the program ended; meanwhile pass signals on."""
    pidfd = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(status.fileno(), select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _events in poll.poll()}
        if status.fileno() in ready:
            message, _descriptors = messages.receive(status)
            if message is None:
                poll.unregister(status.fileno())
            send_signal(pidfd, message["signal"] if message else signal.SIGKILL)
        if pidfd in ready:
            return exit_message(os.waitpid(pid, 0)[1])


def send_signal(pidfd: int, number: int) -> None:
    """Send a signal to a process that may be gone."""
    try:
        signal.pidfd_send_signal(pidfd, number)
    except (ProcessLookupError, PermissionError):
        pass


def exit_message(status: int) -> Message:
    """A wait status as `exited` (the code as a shell gives it) and `signal` (None unless one ended it)."""
    code = os.waitstatus_to_exitcode(status)
    return {"exited": code if code >= 0 else 128 - code, "signal": -code if code < 0 else None}
