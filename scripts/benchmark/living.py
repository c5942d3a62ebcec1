"""Many pods at once: how long a further launch takes beside them, and what memory ecirun itself has for each."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmark import peers
from benchmark.ground import Ground
from benchmark.launches import INSTALLED, library
from benchmark.programs import CannotRun, output
from benchmark.rounds import Contestant, Samples, take_turns
from benchmark.work import Measured

COUNTS = (1, 10, 100, 200)
OF_PEERS = 10  # theirs take long to start, and their memory for each is the same
AT_REST = 4.5  # seconds after which a pod that nobody asks for anything has given back what it can


class Kind(NamedTuple):
    """A way to keep a container: `start` adds one, and `program` is how the names of the processes begin that look after it."""

    name: str
    start: Callable[[contextlib.ExitStack, int], None]
    program: str


def live(ground: Ground, rounds: int) -> Measured:
    """A launch beside 1, 10, 100 and 200 pods, on the way up and again on the way down: drift hits all of them alike."""
    import ecirun

    pod = ecirun.load(ground.pod)[0]
    seconds: dict[int, tuple[float, ...]] = dict.fromkeys(COUNTS, ())
    with contextlib.ExitStack() as stack:
        pods: list[contextlib.ExitStack] = []
        for count in (*COUNTS, *reversed(COUNTS)):
            while len(pods) < count:
                pods.append(stack.enter_context(contextlib.ExitStack()))
                pods[-1].enter_context(ecirun.run(pod))
            while len(pods) > count:
                pods.pop().close()
            time.sleep(1)
            (samples,) = take_turns([Contestant("", library(ground))], (rounds + 1) // 2)
            seconds[count] += samples.values
    named = [Samples(f"beside {count} pod{'s' if count > 1 else ''}", seconds[count]) for count in COUNTS]
    return Measured("live", "A pod from Python while others run", named, {})


def memory(ground: Ground, _rounds: int) -> Measured:
    """The proportional set size of everything but the workloads, divided by the number of pods."""
    contestants = _sizes(Kind("ecirun run -d", _detached(ground), "ecirun-"), COUNTS)
    contestants += _sizes(Kind("ecirun.run", _from_python(ground), "ecirun-"), COUNTS)
    contestants = sorted(contestants, key=lambda one: one.name != f"{COUNTS[-1]} × ecirun run -d")
    absent: dict[str, str] = {}
    for name, execution, program in (("podman", "podman exec", "conmon"), ("docker", "docker exec", "containerd-shim")):
        try:
            contestants += _sizes(Kind(name, _of_peer(ground, execution), program), (OF_PEERS,))
        except CannotRun as error:
            absent[name] = str(error)
    return Measured("memory", "Memory beside the workload, for each pod that runs", contestants, absent, "bytes")


def _sizes(kind: Kind, counts: tuple[int, ...]) -> list[Samples]:
    others = set(_processes(kind.program))
    sizes = []
    with contextlib.ExitStack() as stack:
        started = 0
        for count in counts:
            for number in range(started, count):
                kind.start(stack, number)
            started = count
            time.sleep(AT_REST)
            total = sum(_proportional_size(process) for process in _processes(kind.program) if process not in others)
            sizes.append(Samples(f"{count} × {kind.name}", (total / count,)))
    return sizes


def _detached(ground: Ground) -> Callable[[contextlib.ExitStack, int], None]:
    """Pods of the command line; one command removes them all."""
    names: list[str] = []

    def start(stack: contextlib.ExitStack, number: int) -> None:
        if not names:
            stack.callback(lambda: output([*INSTALLED, "rm", "--force", *names]))
        names.append(f"{peers.NAME}-{number}")
        output([*INSTALLED, "run", "--quiet", "--detach", "--name", names[-1], str(ground.pod)])

    return start


def _from_python(ground: Ground) -> Callable[[contextlib.ExitStack, int], None]:
    import ecirun

    pod = ecirun.load(ground.pod)[0]

    def start(stack: contextlib.ExitStack, _number: int) -> None:
        stack.enter_context(ecirun.run(pod))

    return start


def _of_peer(ground: Ground, execution: str) -> Callable[[contextlib.ExitStack, int], None]:
    def start(stack: contextlib.ExitStack, _number: int) -> None:
        stack.enter_context(peers.EXECUTIONS[execution](ground))

    return start


def _processes(program: str) -> Iterator[Path]:
    """The folders of all processes whose program, or title, begins like that."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            first = (folder / "cmdline").read_bytes().partition(b"\0")[0]
            if first.rpartition(b"/")[2].startswith(program.encode()):
                yield folder


def _proportional_size(process: Path) -> int:
    """In bytes; nothing for one that has just ended."""
    with contextlib.suppress(OSError):
        for line in (process / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
