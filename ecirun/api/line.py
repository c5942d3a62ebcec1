"""The line between this process and the supervisor of one of its pods."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import threading
import time
from collections.abc import Callable
from typing import Any

from ecirun.api import forks
from ecirun.api.saying import say
from ecirun.linux import sockets
from ecirun.linux.sockets import Socket
from ecirun.runtime import messages
from ecirun.runtime.messages import Message


class Line:
    """What is said on it, and what has been heard. Several threads may speak and wait at once: one of them listens for all."""

    def __init__(self, end: Socket, pod: str) -> None:
        self.notes: list[str] = []  # what the pod's user should know
        self.started: set[str] = set()  # containers whose program has run
        self.not_started: Message | None = None  # why a container could not start
        self.ended: Message | None = None  # how the pod ended
        self.free = False  # the supervisor has done with the pod, and may have another
        self.gone = False  # nothing more will be heard of the pod
        self.foreign = False  # it is the line of the process that this one was forked from
        self._end = end
        self._pod = pod
        self._changed = threading.Condition()
        self._listening = False
        self._answers: dict[int, dict[str, Any] | None] = {}  # None while it is awaited
        self._questions = 0
        forks.keep(self)

    def send(self, message: Message, descriptors: tuple[int, ...] = ()) -> bool:
        """Say something; False when nobody is there to hear it."""
        try:
            return messages.send(self._end, message, descriptors)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            return False

    def until(self, condition: Callable[[], bool], timeout: float | None = None) -> bool:
        """Listen until the condition holds, which is asked after each message.

        False when that takes more than `timeout` seconds, or the supervisor has gone.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not condition():
                if self.gone:
                    return False
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return False
                if self._listening:
                    self._changed.wait(left)
                else:
                    self._listen(left)
        return True

    def status(self) -> dict[str, Any] | None:
        """What the supervisor says of the pod's state now; None when it is gone."""
        with self._changed:
            self._questions += 1
            number = self._questions
            self._answers[number] = None
        self.hear_all()  # an answer is dropped where too much is unheard
        self.send({"status": number})
        self.until(lambda: self._answers[number] is not None)
        return self._answers.pop(number)

    def hear_all(self) -> None:
        """Hear what has been said up to now."""
        with self._changed:
            while not self._listening and not self.gone and self._listen(0):
                pass

    def close(self) -> None:
        """Hang up."""
        with self._changed:
            if self._end.fileno() < 0:
                return
            # It ends a poll, which closing the descriptor would not.
            with contextlib.suppress(OSError):
                self._end.shutdown(sockets.SHUT_RDWR)
            while self._listening:
                self._changed.wait()
            with forks.handling:
                self._end.close()
            self.gone = True
            self._changed.notify_all()

    def hand_over(self) -> Socket:
        """Hang up, but leave the connection to the supervisor to the caller."""
        with self._changed:
            while self._listening:
                self._changed.wait()
            self.gone = True
            self._changed.notify_all()
            with forks.handling:
                return sockets.adopt(self._end.detach())

    def __del__(self) -> None:
        with forks.handling:
            self._end.close()  # nobody holds the pod any more

    def note(self, text: str) -> None:
        """Something that the pod's user should know."""
        self.notes.append(text)
        say(f"pod {self._pod}: {text}")

    def forget(self) -> None:
        """In a forked child: the line is the parent's."""
        self._changed = threading.Condition()
        self._listening = False
        self._end.close()
        self.gone = self.foreign = True

    def _listen(self, timeout: float | None) -> bool:
        """With the lock: be the one who listens, for one message; False when there was none in time."""
        self._listening = True
        self._changed.release()
        try:
            message = self._message(timeout)
        finally:
            self._changed.acquire()
            self._listening = False
            self._changed.notify_all()
        if message is not None:
            self._take(message)
        return message is not None

    def _message(self, timeout: float | None) -> Message | None:
        if timeout is None:
            message, descriptors = messages.receive(self._end)
            for descriptor in descriptors:
                os.close(descriptor)
            return {} if message is None else message
        poll = select.poll()
        poll.register(self._end.fileno(), select.POLLIN)
        poll.poll(timeout * 1000)
        return messages.receive_now(self._end)

    def _take(self, message: Message) -> None:
        if not message:
            self.gone = True
        elif "free" in message:
            self.free = self.gone = True
        elif "started" in message:
            self.started.add(message["started"])
        elif "did_not_start" in message:
            self.not_started = message["error"]
        elif "ended" in message:
            self.ended = message["ended"]
        elif message.get("asked") in self._answers:
            self._answers[message["asked"]] = message["status"]
        elif "warning" in message or "note" in message:
            self.note(message.get("warning") or message["note"])
