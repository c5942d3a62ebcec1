"""The process that becomes a container's PID 1.

    supervisor                                  container's process
    1. has it forked with a PID namespace       2. joins the pod's namespaces, takes the stage steps
    3. puts it into a control group
    {} + plan                            ───▶   4. reads the plan, while the supervisor takes the pod's steps
    {"name": …} + streams, mounts        ───▶   5. the container's steps
                                       ◀───     {"step": …} with -v
                                       ◀───     {"terminal": true} + descriptor with a terminal
                                       ◀───     {"error": …} and exit: a step failed, the program did not run
                                       ◀───     end of file: the socket closed on exec, the program runs

Steps 1 to 3 may come long before the others. Nothing in the process may import, log or take a lock.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from ecirun.errors import EcirunError
from ecirun.linux import process
from ecirun.linux.sockets import Socket
from ecirun.plan.model import POD_IP, Command, ContainerPlan, Groundwork, from_plain, plain
from ecirun.runtime import messages
from ecirun.runtime.container_steps import container_steps
from ecirun.runtime.messages import Message
from ecirun.runtime.stage_steps import Bench, stage_steps
from ecirun.runtime.steps import Fault, run_steps

if TYPE_CHECKING:
    from ecirun.runtime.zygote import Child, Zygote

STREAMS = 3


def start(zygote: Zygote, groundwork: Groundwork, fault: Fault) -> Child:
    """A new process, which takes the stage steps and waits. Raises OSError."""
    message = {"groundwork": plain(groundwork), "fault": fault}
    return zygote.fork("container", message, (), own_processes=not groundwork.shared_processes)


def show_plan(end: Socket, plan: int) -> None:
    """Send the process at the other end of `end` the pod's plan, a file in memory."""
    messages.send(end, {}, (plan,))


class Orders(NamedTuple):
    """What the process is told about its container."""

    name: str
    streams: tuple[int, ...]
    mounts: dict[str, int]
    shadowed: tuple[str, ...]
    address: str
    stdin: bool
    verbose: bool
    fault: Fault
    pause: int = -1  # a pidfd, where processes are shared


def give_orders(end: Socket, orders: Orders) -> bool:
    """Send the orders; False when the process is gone. The descriptors stay open here."""
    message = {
        "name": orders.name,
        "mounts": list(orders.mounts),
        "shadowed": orders.shadowed,
        "address": orders.address,
        "stdin": orders.stdin,
        "verbose": orders.verbose,
        "fault": orders.fault,
    }
    pause = (orders.pause,) if orders.pause >= 0 else ()
    return messages.send(end, message, (*orders.streams, *orders.mounts.values(), *pause))


def error_message(error: Exception) -> Message:
    """A failure as it travels from process to process."""
    if isinstance(error, EcirunError):
        kind, text, hint, step = type(error).__name__, error.message, error.hint, getattr(error, "step", "")
    else:
        kind, text, hint, step = "LaunchFailed", f"Can't launch the pod: {error}", "", ""
    return {"error": kind, "message": text, "hint": hint, "step": step}


def become_container(end: Socket, supervisor: int, message: Message, _descriptors: tuple[int, ...]) -> None:
    """Execute the container's program, or say which step failed and exit; `supervisor` is a pidfd. Never returns."""
    try:
        # The streams are /dev/null.
        process.close_all_but((0, 1, 2, end.fileno(), supervisor))
        bench = Bench()
        bench.pod = supervisor
        failed: EcirunError | None = None
        try:
            run_steps(stage_steps(from_plain(Groundwork, message["groundwork"])), bench, fault=Fault(*message["fault"]))
        except EcirunError as error:
            failed = error
        shown, descriptors = messages.receive(end)
        if shown is None:
            os._exit(0)
        plan = json.loads(messages.read_memory(descriptors[0]))
        os.close(descriptors[0])
        orders, descriptors = messages.receive(end)
        if orders is None:
            os._exit(0)
        if failed is None:
            failed = _run(end, bench, plan, orders, descriptors)
        messages.send(end, error_message(failed))
    finally:
        os._exit(125)


def _run(end: Socket, bench: Bench, pod: dict[str, Any], message: Message, descriptors: tuple[int, ...]) -> EcirunError:
    """Take the container's steps, the last of which does not return; returns what went wrong in another."""
    plan = container_of(pod, message["name"], message["address"])
    for number, stream in enumerate(descriptors[:STREAMS]):
        os.dup2(stream, number)
        os.close(stream)
    rest = descriptors[STREAMS:]
    if plan.shared_processes:
        *rest, bench.pause = rest  # type: ignore[assignment]
        bench.supervisor = end
    bench.mounts = dict(zip(message["mounts"], rest, strict=True))
    if plan.command.terminal:
        bench.on_terminal = lambda terminal: _pass_on_terminal(end, terminal)

    def say(step: str) -> None:
        messages.send(end, {"step": step})

    steps = container_steps(plan, tuple(message["shadowed"]), stdin=message["stdin"])
    try:
        run_steps(steps, bench, say if message["verbose"] else None, Fault(*message["fault"]))
    except EcirunError as error:
        return error
    raise AssertionError("the last step does not return")


def _pass_on_terminal(end: Socket, terminal: int) -> None:
    messages.send(end, {"terminal": True}, (terminal,))
    os.close(terminal)


def container_of(pod: dict[str, Any], name: str, address: str) -> ContainerPlan:
    """The plan of one container out of its pod's."""
    entry = next(entry for entry in (*pod["init_containers"], *pod["containers"]) if entry["name"] == name)
    container: ContainerPlan = from_plain(ContainerPlan, entry)
    return container._replace(command=with_address(container.command, address))


def with_address(command: Command, address: str) -> Command:
    """The command with the pod's address where the plan could not know it."""
    env: dict[str, Any] = {name: value.replace(POD_IP, address) for name, value in command.env.items()}
    return command._replace(argv=tuple(word.replace(POD_IP, address) for word in command.argv), env=env)
