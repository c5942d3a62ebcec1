"""Launching: from the command line, from Python with a launcher that runs already, and many in a row."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable

from benchmark import peers
from benchmark.floor import Floor
from benchmark.ground import CHECKOUT, Ground
from benchmark.programs import CannotRun
from benchmark.rounds import Contestant, take_turns
from benchmark.work import Measured

IN_A_ROW = 20
SCRIPT = str(CHECKOUT / "scripts" / "ecirun")
INSTALLED = [sys.executable, "-P", str(CHECKOUT / "ecirun" / "__main__.py")]


def cli(ground: Ground, rounds: int) -> Measured:
    """The whole of a command: start, launch, `true`, clean up. After the first time its plan is known, if there is a cache."""
    run = ["run", "--quiet", str(ground.pod), "--", "true"]
    own = [
        peers.command("ecirun run", lambda: [SCRIPT, *run]),
        peers.command("ecirun run (first time)", lambda: ["env", "ECIRUN_CACHE=", SCRIPT, *run]),
        peers.command("ecirun run (installed)", lambda: [*INSTALLED, *run]),
        peers.command("python -c pass", lambda: [sys.executable, "-c", "pass"]),
    ]
    others, absent = _able(peers.LAUNCHES, ground)
    return Measured("cli", "A pod from the command line", take_turns([*own, *others], rounds), absent)


def launch(ground: Ground, rounds: int) -> Measured:
    """From Python: create, run `true`, reap. The launcher runs already, as for all pods of a test suite but one."""
    own = Contestant("ecirun.run", library(ground))
    others, absent = _able(
        {name: peers.LAUNCHES[name] for name in ("bwrap", "unshare + chroot", "crun run", "runc run")}, ground
    )
    with contextlib.ExitStack() as stack:
        try:
            others.insert(0, stack.enter_context(Floor(ground, "launch")))
        except CannotRun as error:
            absent["floor"] = str(error)
        return Measured("launch", "A pod from Python", take_turns([own, *others], rounds), absent)


def in_a_row(ground: Ground, rounds: int) -> Measured:
    """As `launch`, but each turn is many launches, one right after the other, and its time the mean of them.

    Nothing that was done ahead is for free here.
    """
    others, absent = _able({name: peers.LAUNCHES[name] for name in ("bwrap", "unshare + chroot")}, ground)
    contestants = [Contestant("ecirun.run", library(ground)), *others]
    with contextlib.ExitStack() as stack:
        try:
            contestants.insert(1, stack.enter_context(Floor(ground, "launch")))
        except CannotRun as error:
            absent["floor"] = str(error)
        repeated = [Contestant(one.name, _repeated(one.once)) for one in contestants]
        times = take_turns(repeated, max(1, rounds // 5))
    return Measured("row", f"{IN_A_ROW} pods from Python, one after the other: each", times, absent)


def library(ground: Ground) -> Callable[[], float]:
    """A launch from this process: create, run `true`, reap."""
    import ecirun

    pod = ecirun.load(ground.pod)[0]

    def once() -> float:
        began = time.perf_counter()
        with ecirun.run(pod, command=["true"]) as running:
            code = running.wait()
        took = time.perf_counter() - began
        if code:
            raise CannotRun(f"the pod ended with {code}")
        return took

    return once


def _repeated(once: Callable[[], float]) -> Callable[[], float]:
    return lambda: sum(once() for _ in range(IN_A_ROW)) / IN_A_ROW


def _able(launches: dict[str, peers.Launch], ground: Ground) -> tuple[list[Contestant], dict[str, str]]:
    """Those of the peers that can, and why the others cannot."""
    able: list[Contestant] = []
    absent: dict[str, str] = {}
    for name, prepare in launches.items():
        try:
            able.append(prepare(ground))
        except CannotRun as error:
            absent[name] = str(error)
    return able, absent
