"""Executing a further program in a running container.

    supervisor                                  joiner (outside of the container's PID namespace)
    1. has it forked                            2. enters the container's control group
                                                3. joins the container's namespaces
                                                4. gives up what the container does not have
    {"argv": …} + status, streams        ───▶   5. finds the program, spawns it into the PID namespace
                                                6. {"started"} and at last {"exited": …} to `status`
                                                   {"signal": n} from `status`, or its end, which means kill
                                         ◀───   7. {"free": true}: the next request may come

Privilege is given up before anything of the joiner can be seen inside: the only process that is ever visible there is the
one that is spawned, and it shares the joiner's memory, which nobody may look at, until its program runs. Steps 1 to 4 are
taken ahead or were taken for an earlier exec, so that an exec costs one spawn.
"""

from __future__ import annotations

import contextlib
import os
import signal

from ecirun.errors import EcirunError, LaunchFailed
from ecirun.linux import cgroup, credentials, process, sockets
from ecirun.linux.sockets import Socket
from ecirun.plan.model import ProcessPlan, from_plain, plain
from ecirun.runtime import messages, spawning
from ecirun.runtime.container_process import STREAMS, error_message
from ecirun.runtime.container_steps import BecomeUser, LimitCapabilities, cannot_execute, open_terminal, use_own_device
from ecirun.runtime.messages import Message
from ecirun.runtime.program import find_program
from ecirun.runtime.sandbox_steps import POD_NAMESPACES
from ecirun.runtime.steps import run_steps
from ecirun.runtime.tree_steps import open_directory

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Any

    from ecirun.runtime.child import Child
    from ecirun.runtime.zygote import Zygote

NAMESPACES = POD_NAMESPACES | process.CLONE_NEWNS | process.CLONE_NEWPID | process.CLONE_NEWCGROUP


def start(zygote: Zygote, container: int, plan: ProcessPlan, group: cgroup.Group | None) -> Child:
    """A process that joins the container whose PID 1 the pidfd `container` refers to, in its `group`. Raises OSError."""
    groups = dict(group.folders) if group is not None else {}
    return zygote.fork("joiner", {"process": plain(plan), "groups": groups}, (container,))


def become_joiner(end: Socket, message: Message, descriptors: tuple[int, ...]) -> None:
    """Join the container and serve requests, one at a time, until the supervisor hangs up. Never returns."""
    try:
        (container,) = descriptors
        plan: ProcessPlan = from_plain(ProcessPlan, message["process"])
        with contextlib.suppress(OSError):
            cgroup.enter(cgroup.Group(message["groups"]))
        credentials.set_parent_death_signal(signal.SIGKILL)
        credentials.set_dumpable(False)
        process.close_all_but((0, 1, 2, end.fileno(), container))
        process.default_signals()
        process.new_session_keyring()
        failed = _become_like(container, plan)
        _serve(end, plan, failed)
    finally:
        os._exit(0)


def _become_like(container: int, plan: ProcessPlan) -> EcirunError | None:
    """Join and give up privilege; returns what went wrong."""
    try:
        process.setns(container, NAMESPACES)
    except OSError as error:
        return LaunchFailed(
            f'Can\'t join container "{plan.name}": {error.strerror}', step="join", hint="see whether it still runs"
        )
    os.close(container)
    try:
        _enter(plan.command.cwd)
        os.umask(int(plan.umask, 8))
        run_steps([LimitCapabilities(plan.identity), BecomeUser(plan.identity)], None)
    except EcirunError as error:
        return error
    credentials.set_dumpable(False)  # becoming another user made it what fs.suid_dumpable says
    return None


def _enter(path: str) -> None:
    """Change into a directory of the container's. Raises LaunchFailed."""
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    directory = open_directory(root, path)
    os.fchdir(directory)
    os.close(directory)
    os.close(root)


def _serve(end: Socket, plan: ProcessPlan, failed: EcirunError | None) -> None:
    """One request after the other, until the supervisor hangs up or this process is not what it was any more."""
    while True:
        message, descriptors = messages.receive(end)
        if message is None:
            return
        status = sockets.adopt(descriptors[0])
        _execute(message, status, descriptors[1 : 1 + STREAMS], plan, failed)
        status.close()
        # The way back to the container's own directory needs rights that this process has given up.
        if message.get("cwd") or not messages.send(end, {"free": True}):
            return


def _execute(message: Message, status: Socket, streams: tuple[int, ...], plan: ProcessPlan, failed: EcirunError | None) -> None:
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


def _spawn(message: Message, status: Socket, streams: tuple[int, ...], plan: ProcessPlan) -> int:
    argv = tuple(message["argv"])
    if message.get("cwd"):
        _enter(message["cwd"])
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    program = find_program(argv[0], message["env"].get("PATH", ""), os.getcwd(), root)
    os.close(root)
    if not message.get("terminal"):
        for stream in streams:
            use_own_device(stream)
        return _spawned(program, argv, message["env"], streams=streams)
    terminal, user_end = open_terminal(-1, tuple(message["window"]))
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
