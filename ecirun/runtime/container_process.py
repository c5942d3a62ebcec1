"""The process that becomes a container's PID 1.

    supervisor                                  container's process
    1. has a process forked, which leaves its memory to a new one with a PID namespace
                                       ◀───     {"born": pid, …} + pidfd and a new socket
    2. puts it into a control group             3. joins the pod's namespaces, takes the stage steps
                                       ◀───     {"staged": true} + its mount namespace
    {"process": …}                       ───▶   5. hears who it is to be, takes the steps in its control group
    4. the pod's steps
    6. the steps of the container's tree, in that mount namespace
    {"program": …} + streams             ───▶   7. the container's steps
    {"go": true}                         ───▶      and when nothing is missing any more, the last of them
                                       ◀───     {"step": …} with -v
                                       ◀───     {"terminal": true} + descriptor with a terminal
                                       ◀───     {"error": …} and exit: a step failed, the program did not run
                                       ◀───     end of file: the socket closed on exec, the program runs

Steps 1 to 3 may come long before the others, and so may step 5, for who it will probably be: it can be told another. Nothing in
the process may import, log or take a lock. Its memory is that of a keeper (see `process.leave_memory`), whom nobody in the
container can see, and who is ended soon after the program runs.
"""

from __future__ import annotations

import os
import signal

from ecirun.errors import SEE_LIMITS, EcirunError, LaunchFailed
from ecirun.linux import cgroup, process, sockets
from ecirun.linux.sockets import Socket
from ecirun.plan.model import POD_IP, Command, Groundwork, ProcessPlan, from_plain, plain
from ecirun.record import Record
from ecirun.runtime import messages, stage_steps
from ecirun.runtime.child import Child
from ecirun.runtime.container_steps import Bench, steps_in_group, steps_in_tree
from ecirun.runtime.messages import Message
from ecirun.runtime.steps import Fault, refused, run_steps

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from ecirun.runtime.zygote import Zygote

STREAMS = 3
STARTING = "start a process for a container"


def start(
    zygote: Zygote, namespaces: tuple[int, ...], groundwork: Groundwork, group: cgroup.Group | None, fault: Fault
) -> Child:
    """A new process that joins the namespaces, takes the stage steps and waits, not in its group yet.

    Raises LaunchFailed.
    """
    message = {"groundwork": plain(groundwork), "groups": dict(group.folders) if group else {}, "fault": fault}
    try:
        parent = zygote.fork("container", message, namespaces)
    except OSError as error:
        raise refused(STARTING, error, "stage") from None
    born, descriptors = messages.receive(parent.end)
    signal.pidfd_send_signal(parent.pidfd, signal.SIGKILL)
    parent.end.close()
    parent.collect()
    if born is None:
        raise LaunchFailed(f"Can't {STARTING}: it was killed", step="stage", hint=SEE_LIMITS)
    if "errno" in born:
        raise refused(STARTING, OSError(born["errno"], os.strerror(born["errno"])), "stage")
    keeper = born["keeper"], os.pidfd_open(born["keeper"])
    return Child(born["born"], descriptors[0], sockets.adopt(descriptors[1]), keeper)


def introduce(end: Socket, container: ProcessPlan, *, verbose: bool, fault: Fault) -> None:
    """Tell the process at the other end of `end`, which must be in its control group by now, what it is to become."""
    messages.send(end, {"process": plain(container), "verbose": verbose, "fault": fault})


class Orders(Record):
    """What the process is told when its tree is made."""

    streams: tuple[int, ...]
    directory: int  # the working directory, open
    program: str
    address: str  # of a pod whose plan could not know it
    window: tuple[int, ...]  # the size of the user's terminal, as `terminal.window_size` gives it
    pause: int = -1  # a pidfd, where processes are shared


def give_orders(end: Socket, orders: Orders) -> None:
    """Send the orders. The descriptors stay open here."""
    message = {"program": orders.program, "address": orders.address, "window": orders.window}
    pause = (orders.pause,) if orders.pause >= 0 else ()
    messages.send(end, message, (*orders.streams, orders.directory, *pause))


def let_execute(end: Socket) -> bool:
    """All that belongs to the container is there, and nothing else: its program may run. False when the process is gone."""
    return messages.send(end, {"go": True})


def error_message(error: Exception) -> Message:
    """A failure as it travels from process to process."""
    if isinstance(error, EcirunError):
        kind, text, hint, step = type(error).__name__, error.message, error.hint, getattr(error, "step", "")
    elif isinstance(error, OSError):
        return error_message(refused("launch the pod", error))
    else:
        kind, text, hint, step = "LaunchFailed", f"Can't launch the pod: {error}", "", ""
    return {"error": kind, "message": text, "hint": hint, "step": step}


def become_container(end: Socket, message: Message, namespaces: tuple[int, ...]) -> None:
    """Execute the container's program, or say which step failed and exit. Never returns."""
    try:
        # The streams are /dev/null.
        process.close_all_but((0, 1, 2, end.fileno(), *namespaces))
        own_processes = not message["groundwork"]["shared_processes"]

        def child(pid: int, keeper: int) -> NoReturn:
            _live(_introduce_itself(end, pid, keeper), message, namespaces)

        try:
            process.leave_memory(child, process.CLONE_NEWPID if own_processes else 0)
        except OSError as error:
            messages.send(end, {"errno": error.errno})
    finally:
        os._exit(125)


def _introduce_itself(birthplace: Socket, pid: int, keeper: int) -> Socket:
    """Tell the supervisor who this is, and give it a socket that no other process has, so that its end tells something."""
    own, theirs = sockets.pair()
    pidfd = os.pidfd_open(os.getpid())
    messages.send(birthplace, {"born": pid, "keeper": keeper}, (pidfd, theirs.fileno()))
    os.close(pidfd)
    theirs.close()
    birthplace.close()
    return own


def _live(end: Socket, message: Message, namespaces: tuple[int, ...]) -> NoReturn:
    try:
        groundwork: Groundwork = from_plain(Groundwork, message["groundwork"])
        _set_the_stage(end, namespaces, groundwork, message)
        _perform(end, groundwork)
    except EcirunError as error:
        messages.send(end, error_message(error))
    finally:
        os._exit(125)


def _set_the_stage(end: Socket, namespaces: tuple[int, ...], groundwork: Groundwork, message: Message) -> None:
    bench = stage_steps.Bench(namespaces)
    steps = stage_steps.stage_steps(groundwork, message["groups"])
    run_steps(steps, bench, fault=Fault(*message["fault"]))
    messages.send(end, {"staged": True}, (bench.tree,))
    os.close(bench.tree)


def _perform(end: Socket, groundwork: Groundwork) -> None:
    """Hear of the container and become it. Raises EcirunError; otherwise it does not return."""
    bench = Bench(end)
    told, descriptors = _next_message(end)
    run_steps(steps_in_group(), bench, fault=Fault(*told["fault"]))
    while "process" in told:  # the last of them counts
        container: ProcessPlan = from_plain(ProcessPlan, told["process"])
        steps = steps_in_tree(container, groundwork)
        verbose, fault = told["verbose"], Fault(*told["fault"])
        told, descriptors = _next_message(end)
    if told["address"]:
        command = with_address(container.command, told["address"])
        steps = steps_in_tree(container._replace(command=command), groundwork)

    def say(step: str) -> None:
        messages.send(end, {"step": step})

    bench.directory, bench.program, bench.window = descriptors[STREAMS], told["program"], tuple(told["window"])
    for number, stream in enumerate(descriptors[:STREAMS]):
        os.dup2(stream, number)
        os.close(stream)
    if container.shared_processes:
        bench.pause = descriptors[STREAMS + 1]
    run_steps(steps, bench, say if verbose else None, fault)


def _next_message(end: Socket) -> tuple[Message, tuple[int, ...]]:
    message, descriptors = messages.receive(end)
    if message is None:
        os._exit(0)
    return message, descriptors


def with_address(command: Command, address: str) -> Command:
    """The command with the pod's address where the plan could not know it."""
    env: dict[str, Any] = {name: value.replace(POD_IP, address) for name, value in command.env.items()}
    return command._replace(argv=tuple(word.replace(POD_IP, address) for word in command.argv), env=env)
