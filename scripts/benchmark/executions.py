"""Executing `true` in a pod that runs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from benchmark import peers
from benchmark.floor import Floor
from benchmark.ground import Ground
from benchmark.launches import INSTALLED, library
from benchmark.programs import CannotRun, timed
from benchmark.rounds import Contestant, take_turns
from benchmark.work import Measured

if TYPE_CHECKING:
    from ecirun import RunningPod


def execute(ground: Ground, rounds: int) -> Measured:
    """From Python and from the command line, beside a launch of the same library in the same rounds."""
    import ecirun

    contestants: list[Contestant] = []
    absent: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        pod = stack.enter_context(ecirun.run(ecirun.load(ground.pod)[0]))
        contestants.append(Contestant("pod.exec", _library_exec(pod)))
        contestants.append(Contestant("ecirun.run", library(ground)))
        try:
            contestants.append(stack.enter_context(Floor(ground, "exec")))
        except CannotRun as error:
            absent["floor"] = str(error)
        contestants.append(peers.command("ecirun exec", lambda: [*INSTALLED, "exec", pod.name, "--", "true"]))
        for name, prepare in peers.EXECUTIONS.items():
            try:
                contestants.append(_of(name, stack.enter_context(prepare(ground))))
            except CannotRun as error:
                absent[name] = str(error)
        return Measured("exec", "A program in a running pod", take_turns(contestants, rounds), absent)


def _of(name: str, argv: list[str]) -> Contestant:
    return Contestant(name, lambda: timed(argv), name.startswith(("podman", "docker")))


def _library_exec(pod: RunningPod) -> Callable[[], float]:
    def once() -> float:
        began = time.perf_counter()
        result = pod.exec(["true"])
        took = time.perf_counter() - began
        result.check()
        return took

    return once
