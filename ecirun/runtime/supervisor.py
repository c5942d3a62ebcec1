"""The supervisor: one small process per pod. It makes the sandbox, starts the container, and cleans up.

    client                          supervisor                              container (PID 1 of its namespace)
    1. socketpair, fork  ───────▶   own session
                                    2. the pod's steps (namespaces, sysctls, …)
                                    3. clone3  ─────────────────────────▶   the container's steps
    {"step": …} with -v  ◀───────   ◀── {"step": …} ─────────────────────
                                    ◀── {"error": …} and exit ───────────   a step failed: nothing ran
                                    ◀── {"terminal": true} + descriptor ─   with -t
                                    ◀── end of file ─────────────────────   exec succeeded (the socket closes on exec)
    {"started": pid}     ◀───────
    {"signal": n}        ───────▶   pidfd_send_signal
                                    4. waits for the pidfd and the client
    {"exited": code, …}  ◀───────   5. takes the pod's folder and bridge away

If the client goes, the supervisor sees end-of-file, kills the container and cleans up. If the supervisor is killed, the
container dies by PDEATHSIG and with it its PID namespace; the next ecirun command takes the folder away.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
from typing import Any, NamedTuple

from ecirun.errors import EcirunError
from ecirun.linux import credentials, mount, proc, process
from ecirun.plan.model import PodPlan
from ecirun.policy.capabilities import NUMBERS
from ecirun.runtime import bridge, host_sysctls, messages, state
from ecirun.runtime.container_steps import OpenTerminal, container_steps
from ecirun.runtime.pod_steps import pod_steps
from ecirun.runtime.steps import Bench, Step, failure

CONTAINER_NAMESPACES = process.CLONE_NEWNS | process.CLONE_NEWPID | process.CLONE_NEWCGROUP


class Request(NamedTuple):
    """What the client asks for."""

    plan: PodPlan
    stdin: bool
    verbose: bool


def supervise(request: Request, folder: state.PodFolder, client: socket.socket) -> None:
    """Run the pod and report to the client; returns when it has ended and everything is taken away."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    gc.disable()
    host_network = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        last = _launch_and_wait(request, folder, client)
    except (OSError, EcirunError) as error:
        last = _as_message(error)
    process.setns(host_network, process.CLONE_NEWNET)
    give_back(request.plan.name)
    _leave(folder)
    messages.send(client, last)


def give_back(pod: str) -> None:
    """Undo what a pod changed on the host; there is nothing to undo unless it had a bridge or `--sysctls host`."""
    bridge.release(pod)
    host_sysctls.release(pod)


def _leave(folder: state.PodFolder) -> None:
    """Take the folder away; the work mount on it is seen by nobody else and goes first."""
    try:
        mount.umount2(f"{folder.path}/mnt", mount.MNT_DETACH)
    except OSError:
        pass  # not mounted: the launch did not come that far
    folder.remove()


def all_steps(plan: PodPlan, *, stdin: bool) -> list[Step]:
    """Every step of the launch in order, as `--dry-run` prints them."""
    steps = pod_steps(plan, state.STATE)
    for container in plan.containers:
        steps += container_steps(plan, container, frozenset(), 0, stdin=stdin)
    return steps


def _launch_and_wait(request: Request, folder: state.PodFolder, client: socket.socket) -> dict[str, Any]:
    plan = request.plan
    container = plan.containers[0]
    last_capability = proc.cap_last_cap()
    numbers = frozenset(NUMBERS[name] for name in container.capabilities.bounding.names)
    inside = container_steps(plan, container, numbers, last_capability, stdin=request.stdin)
    bench = Bench(f"{folder.path}/mnt")
    for step in pod_steps(plan, state.STATE):
        if request.verbose:
            messages.send(client, {"step": step.describe()})
        try:
            step.run(bench)
        except (OSError, EcirunError) as error:
            raise failure(step, error) from None
    ours, theirs = messages.channel()
    pid, pidfd = process.clone3(CONTAINER_NAMESPACES)
    if pid == 0:
        _become_container(inside, bench, theirs, request.verbose)
    theirs.close()
    folder.write("state.json", {"schema_version": 1, "pid": pid, "supervisor": os.getpid(), "phase": "Running"})
    refusal = _until_exec(ours, client)
    if refusal is not None:
        os.waitpid(pid, 0)
        return refusal
    _forget_streams()
    messages.send(client, {"started": pid})
    return _wait(pid, pidfd, client)


def _become_container(steps: list[Step], bench: Bench, supervisor: socket.socket, verbose: bool) -> None:
    """Never returns: it executes the workload, or says which step failed and exits."""
    try:
        # Only ourselves may look at us until exec: later, others may join the namespaces.
        credentials.set_dumpable(False)
        for step in steps:
            if verbose:
                messages.send(supervisor, {"step": step.describe()})
            try:
                step.run(bench)
            except (OSError, EcirunError, ValueError) as error:
                messages.send(supervisor, _as_message(failure(step, error)))
                os._exit(125)
            if isinstance(step, OpenTerminal):
                messages.send(supervisor, {"terminal": True}, (bench.terminal,))
                os.close(bench.terminal)
    finally:
        os._exit(125)


def _until_exec(child: socket.socket, client: socket.socket) -> dict[str, Any] | None:
    """Pass on what the child says until its end closes. Returns the error message, or None when the program runs."""
    error = None
    while True:
        message, descriptors = messages.receive(child)
        if message is None:
            child.close()
            return error
        if "error" in message:
            error = message
        else:
            messages.send(client, message, tuple(descriptors))
        for descriptor in descriptors:
            os.close(descriptor)


def _wait(pid: int, pidfd: int, client: socket.socket) -> dict[str, Any]:
    """Wait for the container's end, passing signals on; the client's end is the container's end."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(client, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _event in poll.poll()}
        if client.fileno() in ready:
            message, _descriptors = messages.receive(client)
            if message is None:
                poll.unregister(client)
            _send_signal(pidfd, message["signal"] if message else signal.SIGKILL)
        if pidfd in ready:
            _pid, status = os.waitpid(pid, 0)
            os.close(pidfd)
            code = os.waitstatus_to_exitcode(status)
            return {"exited": code if code >= 0 else 128 - code, "signal": -code if code < 0 else None}


def _send_signal(pidfd: int, number: int) -> None:
    try:
        signal.pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        pass


def _forget_streams() -> None:
    """Close the workload's streams here, or their readers would wait for the supervisor too."""
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.close(null)


def _as_message(error: Exception) -> dict[str, Any]:
    if isinstance(error, EcirunError):
        kind, message, hint, step = type(error).__name__, error.message, error.hint, getattr(error, "step", "")
    else:
        kind, message, hint, step = "LaunchFailed", f"Can't launch the pod: {error}", "", ""
    return {"error": kind, "message": message, "hint": hint, "step": step}
