"""The launcher: a small process that does nothing but start supervisors.

    client                            launcher
    starts it with a socket   ───▶    1. a mount namespace of its own, in which the host's tree is read-only
    {"sandbox": groundwork}   ───▶    2. forks a supervisor, which makes a sandbox
    {"sandbox": pid} + socket ◀───       (the client talks to the supervisor itself from here on)
    end of file               ───▶    3. ends after the last of its supervisors, which end as their client is gone

It has one thread and few modules: forking it costs little whatever the client is, and a raw clone of a process with threads
would hang. It imports nothing that a supervisor does not need.
"""

from __future__ import annotations

import gc
import os
import select
import signal

from ecirun.linux import cgroup, mount, process, sockets
from ecirun.linux.sockets import Socket
from ecirun.plan.model import Groundwork, from_plain
from ecirun.runtime import messages
from ecirun.runtime.sandbox_steps import sweep_groups
from ecirun.runtime.state import STATE
from ecirun.runtime.steps import Fault
from ecirun.runtime.supervisor import supervise


def main(descriptor: int) -> None:
    """Serve the client at the other end of the socket `descriptor` until it goes."""
    process.close_range(descriptor + 1, 0xFFFFFFFF)  # what the client's own parent left open
    client = sockets.adopt(descriptor)
    os.setsid()
    os.chdir("/")
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    os.umask(0o022)
    hierarchies = cgroup.hierarchies()
    try:
        make_host_read_only(hierarchies)
        sweep_groups(hierarchies)
    except OSError as error:
        messages.send(client, {"error": f"Can't set up the launcher: {error.strerror} ({error.filename})"})
        return
    # What is there now is there for good: nothing of it need be looked at, and copied for that, in a supervisor.
    gc.disable()
    gc.freeze()
    _serve(client, hierarchies)


def make_host_read_only(hierarchies: tuple[cgroup.Hierarchy, ...]) -> None:
    """A mount namespace that follows the host's but in which only the state folder and the control groups can be written."""
    process.unshare(process.CLONE_NEWNS)
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    mount.mount_setattr(root, propagation=mount.MS_SLAVE, recursive=True, what="/")
    state = mount.open_tree(STATE)
    mount.mount_setattr(root, add=mount.MOUNT_ATTR_RDONLY, recursive=True, what="/")
    os.close(root)
    target = os.open(STATE, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    mount.move_mount(state, target, STATE)
    os.close(target)
    os.close(state)
    for hierarchy in hierarchies:
        point = os.open(hierarchy.mount, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        mount.mount_setattr(point, remove=mount.MOUNT_ATTR_RDONLY, what=hierarchy.mount)
        os.close(point)


def _serve(client: Socket, hierarchies: tuple[cgroup.Hierarchy, ...]) -> None:
    poll = select.poll()
    poll.register(client.fileno(), select.POLLIN)
    children: dict[int, int] = {}
    while True:
        for ready, _events in poll.poll():
            if ready in children:
                poll.unregister(ready)
                os.waitpid(children.pop(ready), 0)
                os.close(ready)
                continue
            message, _descriptors = messages.receive(client)
            if message is None:
                for pid in children.values():
                    os.waitpid(pid, 0)
                return
            ours, theirs = sockets.pair()
            pid, pidfd = process.clone3(0)
            if pid == 0:
                supervise(ours, from_plain(Groundwork, message["sandbox"]), hierarchies, Fault(*message["fault"]))
            ours.close()
            messages.send(client, {"sandbox": pid}, (theirs.fileno(),))
            theirs.close()
            children[pidfd] = pid
            poll.register(pidfd, select.POLLIN)
