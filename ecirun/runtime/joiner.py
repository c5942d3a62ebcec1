"""Executing a further program in a running container.

    supervisor                                  joiner (outside of the container's PID namespace)
    1. fork                                     2. joins the container's namespaces
    3. into the container's control group       4. gives up what the container does not have
    {"argv": …} + status, streams        ───▶   5. finds the program, spawns it into the PID namespace
                                                6. {"started"} and at last {"exited": …} to `status`
                                                   {"signal": n} from `status`, or its end, which means kill
                                         ◀───   7. {"free": true}: the next request may come

Privilege is given up before anything of the joiner can be seen inside: the only process that is ever visible there is the
one that is spawned, and it shares the joiner's memory, which nobody may look at, until its program runs. Steps 1 to 4 are
taken ahead or were taken for an earlier exec, so that an exec costs one spawn.
"""

from __future__ import annotations

import gc
import os
import signal
from typing import Any, NamedTuple

from ecirun.errors import EcirunError, LaunchFailed
from ecirun.linux import credentials, process, sockets
from ecirun.linux.sockets import Socket
from ecirun.plan.model import ContainerPlan
from ecirun.runtime import messages, spawning
from ecirun.runtime.container_process import STREAMS, error_message
from ecirun.runtime.container_steps import BecomeUser, EnterDirectory, cannot_execute, open_terminal
from ecirun.runtime.messages import Message
from ecirun.runtime.program import find_program
from ecirun.runtime.stage_steps import Bench
from ecirun.runtime.steps import run_steps

NAMESPACES = process.CLONE_NEWNS | process.CLONE_NEWPID | process.CLONE_NEWCGROUP


class Joiner(NamedTuple):
    """A process that has joined a container, as the supervisor holds it."""

    pid: int
    pidfd: int
    end: Socket


def start(container: int, plan: ContainerPlan) -> Joiner:
    """A process that joins the container of the pidfd `container` and waits for requests, one at a time."""
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
        process.close_all_but((0, 1, 2, supervisor.fileno(), container))
        process.default_signals()
        process.new_session_keyring()
        failed = _become_like(container, plan)
        _serve(supervisor, plan, failed)
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


def _serve(supervisor: Socket, plan: ContainerPlan, failed: EcirunError | None) -> None:
    """One request after the other, until the supervisor hangs up or this process is not what it was any more."""
    while True:
        message, descriptors = messages.receive(supervisor)
        if message is None:
            return
        status = sockets.adopt(descriptors[0])
        _execute(message, status, descriptors[1 : 1 + STREAMS], plan, failed)
        status.close()
        # The way back to the container's own directory needs rights that this process has given up.
        if message.get("cwd") or not messages.send(supervisor, {"free": True}):
            return


def _execute(
    message: Message, status: Socket, streams: tuple[int, ...], plan: ContainerPlan, failed: EcirunError | None
) -> None:
    """Start the program and wait for it."""
    try:
        if failed:
            raise failed
        pid = _spawn(message, status, streams, plan)
    except (EcirunError, OSError) as error:
        messages.send(status, error_message(error))
        return
    finally:
        for stream in streams:
            os.close(stream)
    pidfd = os.pidfd_open(pid)
    messages.send(status, {"started": pid})
    messages.send(status, spawning.wait(pid, pidfd, status))
    os.close(pidfd)


def _spawn(message: Message, status: Socket, streams: tuple[int, ...], plan: ContainerPlan) -> int:
    argv = tuple(message["argv"])
    bench = Bench()
    bench.root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    if message.get("cwd"):
        run_steps([EnterDirectory(message["cwd"], int(plan.umask, 8))], bench)
    program = find_program(argv[0], message["env"].get("PATH", ""), os.getcwd(), bench.root)
    os.close(bench.root)
    if not message.get("terminal"):
        return _spawned(program, argv, message["env"], streams=streams)
    terminal, user_end = open_terminal(-1)
    pid = _spawned(program, argv, message["env"], terminal=terminal)
    os.close(user_end)
    messages.send(status, {"terminal": True}, (terminal,))
    os.close(terminal)
    return pid


def _spawned(program: str, argv: tuple[str, ...], env: dict[str, str], **streams: Any) -> int:
    try:
        return spawning.spawn(program, argv, env, **streams)
    except OSError as error:
        raise cannot_execute(argv[0], error) from None
