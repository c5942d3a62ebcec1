"""The name server of a pod on the bridge: it tells the addresses of the pods there, and nothing else.

It listens on a loopback address inside the pod, as container engines' embedded ones do. A pod answers to its name, to
NAME.NAMESPACE.pod.cluster.local and, with a subdomain, to HOSTNAME.SUBDOMAIN.NAMESPACE.svc.cluster.local; also under the
search domains of its own /etc/resolv.conf. Messages: RFC 1035.
"""

from __future__ import annotations

import _socket
import json
import os
import struct
from collections.abc import Callable, Iterator

from ecirun.plan.model import CLUSTER_DOMAIN, NAME_SERVER
from ecirun.runtime.loop import Loop

PORT = 53
TYPE_A = 1
TYPE_ANY = 255
CLASS_IN = 1
NO_ERROR, FORMAT_ERROR, NO_SUCH_NAME, NOT_IMPLEMENTED = 0, 1, 3, 4
TIME_TO_LIVE = 5  # seconds: pods come and go
HEADER = struct.Struct(">6H")


class NameServer:
    """Answers on `loop`. `folder` is where the bridge keeps the addresses, each a file with what its pod is called."""

    def __init__(self, loop: Loop, folder: str) -> None:
        self.folder = folder
        self.socket = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK)
        self.socket.bind((NAME_SERVER, PORT))
        loop.on_readable(self.socket.fileno(), self._serve)

    def _serve(self) -> None:
        try:
            query, sender = self.socket.recvfrom(4096)
            if answer := respond(query, self._addresses):
                self.socket.sendto(answer, sender)
        except (BlockingIOError, OSError):
            pass  # the asker is gone

    def _addresses(self, name: str) -> list[str]:
        addresses = sorted(entry for entry in os.listdir(self.folder) if entry != "lock")
        return [address for address in addresses if name in known_names(f"{self.folder}/{address}")]


def record(pod: str, namespace: str, hostname: str, subdomain: str) -> str:
    """What the file of a pod's address says."""
    return json.dumps({"pod": pod, "namespace": namespace, "hostname": hostname, "subdomain": subdomain})


def known_names(path: str) -> set[str]:
    """The names, in lower case and without the last dot, of the pod whose address has that file."""
    try:
        with open(path) as file:
            entry = json.load(file)
    except (OSError, ValueError):
        return set()
    pod, namespace = entry["pod"], entry["namespace"]
    names = {pod, f"{pod}.{namespace}", f"{pod}.{namespace}.pod.{CLUSTER_DOMAIN}"}
    # The search domains of a pod's resolv.conf turn a short name into these first.
    names |= {f"{pod}.{namespace}.svc.{CLUSTER_DOMAIN}", f"{pod}.svc.{CLUSTER_DOMAIN}", f"{pod}.{CLUSTER_DOMAIN}"}
    if entry["subdomain"]:
        service = f"{entry['subdomain']}.{namespace}"
        for whole in (f"{entry['hostname']}.{service}", service):
            names |= {whole, f"{whole}.svc", f"{whole}.svc.{CLUSTER_DOMAIN}"}
    return names


def respond(query: bytes, addresses_of: Callable[[str], list[str]]) -> bytes:
    """The answer to a query, empty for what is none. `addresses_of` maps a name to addresses."""
    if len(query) < HEADER.size:
        return b""
    number, flags, questions, *_counts = HEADER.unpack_from(query)
    if flags & 0x8000:
        return b""
    opcode, wanted = flags >> 11 & 0xF, flags & 0x0100  # recursion desired is repeated
    if opcode or questions != 1:
        return HEADER.pack(number, 0x8080 | wanted | (NOT_IMPLEMENTED if opcode else FORMAT_ERROR), 0, 0, 0, 0)
    try:
        name, end = _name(query, HEADER.size)
        kind, klass = struct.unpack_from(">HH", query, end)
    except (struct.error, IndexError, ValueError):
        return HEADER.pack(number, 0x8080 | wanted | FORMAT_ERROR, 0, 0, 0, 0)
    addresses = addresses_of(name)
    answers = [_answer(address) for address in addresses] if kind in (TYPE_A, TYPE_ANY) and klass == CLASS_IN else []
    code = NO_ERROR if addresses else NO_SUCH_NAME
    return HEADER.pack(number, 0x8480 | wanted | code, 1, len(answers), 0, 0) + query[HEADER.size : end + 4] + b"".join(answers)


def _answer(address: str) -> bytes:
    # The name is the question's, at the end of the header.
    return struct.pack(">HHHIH4s", 0xC00C, TYPE_A, CLASS_IN, TIME_TO_LIVE, 4, bytes(int(part) for part in address.split(".")))


def _name(message: bytes, at: int) -> tuple[str, int]:
    """The name at that place, in lower case, and where it ends."""
    labels = list(_labels(message, at))
    return ".".join(labels).lower(), at + sum(len(label) + 1 for label in labels) + 1


def _labels(message: bytes, at: int) -> Iterator[str]:
    while length := message[at]:
        if length > 63 or at + length >= len(message):
            raise ValueError("no label")
        yield message[at + 1 : at + 1 + length].decode("latin-1")
        at += length + 1
