"""What the client that launched a pod asked for, as its supervisor reads it."""

from __future__ import annotations

from ecirun.runtime.container_process import STREAMS
from ecirun.runtime.messages import Message
from ecirun.runtime.steps import Fault


class Request:
    """The message beside a plan, with its descriptors told apart."""

    def __init__(self, message: Message, text: bytes, descriptors: tuple[int, ...]) -> None:
        self.plan = text  # as `plan.model.encode` writes it
        self.detached: bool = message["detached"]
        self.verbose: bool = message["verbose"]
        self.window: tuple[int, ...] = tuple(message["window"])  # the size of the client's terminal
        self.log_limit: int = message["log_limit"]
        self.fault = Fault(*message["fault"])
        self.keeps_joiners: bool = message["keeps_joiners"]
        # Streams of the client's for containers whose output it shows; those of the others go to their logs.
        names: list[str] = message["streams"]
        self.streams = {name: descriptors[index * STREAMS : (index + 1) * STREAMS] for index, name in enumerate(names)}
        rest = descriptors[len(names) * STREAMS :]
        # Folders of the host, open; before them the pod's scratch folder, which goes with the pod.
        self.scratch = rest[0] if message["scratch"] else -1
        self.places: list[str] = message["places"]
        self.place_mounts = rest[1:] if message["scratch"] else rest
