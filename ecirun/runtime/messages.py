"""Small JSON messages over sockets that keep their bounds, with descriptors beside them where needed.

What is larger than a message can be travels as a file in memory.
"""

from __future__ import annotations

import contextlib
import json
import os

from ecirun.linux import sockets
from ecirun.linux.sockets import Socket

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Any

Message = dict[str, "Any"]

# Stands for a message whose text is in the file in memory that is the last of the descriptors beside it.
BESIDE = b'"beside"'


def send(end: Socket, message: Message, descriptors: tuple[int, ...] = (), text: bytes = b"") -> bool:
    """Send one message, and behind it a `text` for `receive_with_text`; False when the reader is gone."""
    try:
        _send(end, message, descriptors, text, now=False)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def offer(end: Socket, message: Message, descriptors: tuple[int, ...] = ()) -> None:
    """Send one message to a reader that may not be interested: what it does not take now is dropped."""
    with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
        _send(end, message, descriptors, now=True)


def receive(end: Socket) -> tuple[Message | None, tuple[int, ...]]:
    """The next message and its descriptors; None when the other end is closed."""
    message, _text, descriptors = receive_with_text(end)
    return message, descriptors


def receive_with_text(end: Socket) -> tuple[Message | None, bytes, tuple[int, ...]]:
    """The same, and the text that was sent behind the message."""
    try:
        data, descriptors = _receive(end, now=False)
    except ConnectionResetError:
        return None, b"", ()
    line, _, text = data.partition(b"\n")  # which JSON has within strings only, and there as an escape
    return (json.loads(line) if line else None), text, descriptors


def receive_now(end: Socket) -> Message | None:
    """The next message, if there is one already; empty when the other end is closed."""
    try:
        data, descriptors = _receive(end, now=True)
    except BlockingIOError:
        return None
    except ConnectionResetError:
        return {}
    for descriptor in descriptors:
        os.close(descriptor)
    message: Message = json.loads(data) if data else {}
    return message


def _send(end: Socket, message: Message, descriptors: tuple[int, ...], text: bytes = b"", *, now: bool) -> None:
    data = json.dumps(message).encode() + (b"\n" + text if text else b"")
    if len(data) <= sockets.LARGEST:
        return sockets.send(end, data, descriptors, now=now)
    memory = in_memory(data)
    try:
        sockets.send(end, BESIDE, (*descriptors, memory), now=now)
    finally:
        os.close(memory)
    return None


def _receive(end: Socket, *, now: bool) -> tuple[bytes, tuple[int, ...]]:
    data, descriptors = sockets.receive(end, now=now)
    if data == BESIDE:
        *others, memory = descriptors
        data, descriptors = read_memory(memory), tuple(others)
        os.close(memory)
    return data, descriptors


def in_memory(data: bytes) -> int:
    """A descriptor of a file that exists only in memory and holds `data`."""
    descriptor = os.memfd_create("ecirun", os.MFD_CLOEXEC)
    while data:
        data = data[os.write(descriptor, data) :]
    return descriptor


def read_memory(descriptor: int) -> bytes:
    """What a file in memory holds."""
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
