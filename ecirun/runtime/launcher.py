"""The launcher: a small process that does nothing but start supervisors.

    client                            launcher
    starts it with a socket   ───▶    1. a mount namespace of its own, in which the host's tree is read-only
    {"sandbox": groundwork}   ───▶    2. forks a supervisor, which makes a sandbox
    {"sandbox": pid} + socket ◀───       (the client talks to the supervisor itself from here on)
    {"refused": why}          ◀───       or cannot fork one
    {"share": true}           ───▶    3. also listens for others, so that detached pods share one launcher's memory
    end of file               ───▶    4. ends when no client and no supervisor is left

It has one thread and few modules: forking it costs little whatever the client is, and a raw clone of a process with threads
would hang. It imports nothing that a supervisor does not need.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal

from ecirun.errors import EcirunError
from ecirun.linux import cgroup, cgroup_room, process, sockets
from ecirun.linux.sockets import Socket
from ecirun.plan.model import Groundwork, from_plain
from ecirun.runtime import groups, messages, private_tree, sharing
from ecirun.runtime.messages import Message
from ecirun.runtime.state import hold_root
from ecirun.runtime.steps import Fault
from ecirun.runtime.supervisor import supervise


def main(descriptor: int) -> None:
    """Serve the client at the other end of the socket `descriptor`, and others when it is told to."""
    process.close_range(descriptor + 1, 0xFFFFFFFF)  # what the client's own parent left open
    client = sockets.adopt(descriptor)
    identity = sharing.identity()
    os.setsid()
    os.chdir("/")
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    os.umask(0o022)
    process.set_title("ecirun-launcher")
    try:
        hold_root()
        found = cgroup.hierarchies()
        others = cgroup.other_hierarchies(cgroup.usable(found))
        private_tree.enter((*found, *others))
        hierarchies, rooms = cgroup_room.enter(cgroup.usable(found))
        groups.sweep(hierarchies)
        groups.sweep(others)
    except OSError as error:
        messages.send(client, {"error": f"Can't set up the launcher: {error.strerror} ({error.filename})"})
        return
    except EcirunError as error:
        messages.send(client, {"error": error.message})
        return
    os.dup2(0, 2)  # whoever reads what the client says shall not wait for the launcher's end, too
    # What is there now is there for good: nothing of it need be looked at, and copied for that, in a supervisor.
    gc.disable()
    gc.freeze()
    _Launcher(hierarchies, others, identity).serve(client)
    for room in rooms:
        room.leave()
    os._exit(0)  # the interpreter need not tidy up after itself


class _Launcher:
    """Clients by the descriptors of their sockets, supervisors by their pidfds."""

    def __init__(
        self, hierarchies: tuple[cgroup.Hierarchy, ...], others: tuple[cgroup.Hierarchy, ...], identity: Message
    ) -> None:
        self.hierarchies = hierarchies
        self.others = others
        self.identity = identity
        self.poll = select.poll()
        self.clients: dict[int, Socket] = {}
        self.children: dict[int, int] = {}
        self.meeting_place: sharing.MeetingPlace | None = None

    def serve(self, client: Socket) -> None:
        """Until no client and no supervisor is left."""
        self._add(client)
        while self.clients or self.children:
            for ready, _events in self.poll.poll():
                if ready in self.children:
                    self._collect(ready)
                elif ready in self.clients:
                    self._hear(self.clients[ready])
                elif self.meeting_place is not None:
                    self._add(sockets.accept(self.meeting_place.listening))
        if self.meeting_place is not None:
            self.meeting_place.leave()

    def _add(self, client: Socket) -> None:
        self.clients[client.fileno()] = client
        self.poll.register(client.fileno(), select.POLLIN)

    def _collect(self, pidfd: int) -> None:
        self.poll.unregister(pidfd)
        os.waitpid(self.children.pop(pidfd), 0)
        os.close(pidfd)

    def _hear(self, client: Socket) -> None:
        message, _descriptors = messages.receive(client)
        if message is None:
            self.poll.unregister(client.fileno())
            del self.clients[client.fileno()]
            client.close()
        elif "sandbox" in message:
            self._start_supervisor(client, message)
        elif "share" in message:
            self._share()
        elif "identity" in message:
            messages.send(client, {"identity": self.identity})

    def _share(self) -> None:
        if self.meeting_place is None:
            with contextlib.suppress(OSError):
                self.meeting_place = sharing.open_meeting_place(private_tree.STATE_INSIDE)
            if self.meeting_place is not None:
                self.poll.register(self.meeting_place.listening.fileno(), select.POLLIN)

    def _start_supervisor(self, client: Socket, message: Message) -> None:
        try:
            pid, pidfd, theirs = self._fork_supervisor(message)
        except OSError as error:
            # That pod cannot be launched; those that run go on.
            messages.send(client, {"refused": error.strerror})
            return
        messages.send(client, {"sandbox": pid}, (theirs.fileno(),))
        theirs.close()
        self.children[pidfd] = pid
        self.poll.register(pidfd, select.POLLIN)

    def _fork_supervisor(self, message: Message) -> tuple[int, int, Socket]:
        """Its pid, a pidfd, and the client's end of the socket to it. Raises OSError."""
        ours, theirs = sockets.pair()
        try:
            # The first process of a PID namespace: when it dies, the kernel kills all that came of it, whatever they made of
            # themselves meanwhile. PDEATHSIG alone does not survive a change of user.
            pid, pidfd = process.clone3(process.CLONE_NEWPID)
        except OSError:
            ours.close()
            theirs.close()
            raise
        if pid == 0:
            groundwork = from_plain(Groundwork, message["sandbox"])
            supervise(ours, groundwork, self.hierarchies, self.others, Fault(*message["fault"]))
        ours.close()
        return pid, pidfd, theirs
