"""The zygote: the process of a supervisor that forks for it.

    supervisor                                  zygote
    {"become": …} + socket, descriptors  ───▶   1. forks a child of the supervisor's (CLONE_PARENT)
    {"pid": …} + pidfd                   ◀───   2. forgets about it

A child has no PID namespace of its own; what is to be a container's PID 1 is made by the child.

A fork makes the kernel copy, page by page, whatever the forking process writes to afterwards. The supervisor has work to do
while somebody waits; the zygote has not.
"""

from __future__ import annotations

import errno
import os
import signal

from ecirun.linux import cgroup, credentials, process, sockets
from ecirun.linux.sockets import Socket
from ecirun.runtime import container_process, joiner, messages
from ecirun.runtime.child import Child
from ecirun.runtime.messages import Message

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Literal

BECOME = {"container": container_process.become_container, "joiner": joiner.become_joiner}


class Zygote:
    """The zygote, as its supervisor holds it. One that rests is made anew when it is needed, in the pod's namespaces."""

    def __init__(self, group: cgroup.Group | None) -> None:
        self._group = group  # for what it forks, in hierarchies where the containers have none of their own
        self.has_rested = False
        self._start()

    def _start(self) -> None:
        self.end, theirs = sockets.pair()
        birthplace = cgroup.birthplace(self._group)
        self._pid, pidfd = process.clone3(0, birthplace)
        if self._pid == 0:
            _serve(theirs, self._group)
        for descriptor in (pidfd, birthplace):
            if descriptor >= 0:
                os.close(descriptor)
        theirs.close()

    def dismiss(self) -> None:
        """Let it end while its supervisor sees to other things: nothing will be forked any more."""
        self.end.close()

    def rest(self) -> None:
        """Give its memory back until the next fork."""
        if self._pid:
            self.dismiss()
            os.waitpid(self._pid, 0)
            self._pid = 0
            self.has_rested = True

    def fork(self, become: Literal["container", "joiner"], message: Message, descriptors: tuple[int, ...]) -> Child:
        """A new child of this process; a joiner is born in the version 2 one of `message["groups"]`. Raises OSError."""
        ours, theirs = sockets.pair()
        request = {"become": become, **message}
        try:
            answer, received = self._ask(request, (theirs.fileno(), *descriptors))
        finally:
            theirs.close()
        if "errno" in answer:
            ours.close()
            raise OSError(answer["errno"], os.strerror(answer["errno"]))
        return Child(answer["pid"], received[0], ours)

    def _ask(self, request: Message, descriptors: tuple[int, ...]) -> tuple[Message, tuple[int, ...]]:
        """What the zygote answers. One that rests, or was killed, is made anew first."""
        for _attempt in range(2):
            if self._pid and messages.send(self.end, request, descriptors):
                answer, received = messages.receive(self.end)
                if answer is not None:
                    return answer, received
            self.rest()
            self._start()
        return {"errno": errno.ECHILD}, ()


def _serve(end: Socket, group: cgroup.Group | None) -> None:
    """Never returns."""
    try:
        if group is not None:
            cgroup.enter(group)
        credentials.set_parent_death_signal(signal.SIGKILL)
        process.close_all_but((0, 1, 2, end.fileno()))
        while True:
            message, descriptors = messages.receive(end)
            if message is None:
                break
            _fork(end, message, descriptors)
    except OSError as error:
        messages.send(end, {"errno": error.errno})
    finally:
        os._exit(0)


def _fork(end: Socket, message: Message, descriptors: tuple[int, ...]) -> None:
    birthplace = -1
    try:
        if message["become"] == "joiner":  # the keeper of a container's memory must stay out of the container's group
            birthplace = cgroup.birthplace(cgroup.Group(message["groups"]))
        pid, pidfd = process.clone3(process.CLONE_PARENT, birthplace)
    except OSError as error:
        messages.send(end, {"errno": error.errno})
    else:
        if pid == 0:
            BECOME[message["become"]](sockets.adopt(descriptors[0]), message, descriptors[1:])
        messages.send(end, {"pid": pid}, (pidfd,))
        os.close(pidfd)
    for descriptor in (*descriptors, birthplace):
        if descriptor >= 0:
            os.close(descriptor)
