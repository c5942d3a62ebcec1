"""The bare system calls (`floor.c`) as a contestant."""

from __future__ import annotations

import subprocess

from benchmark.ground import Ground
from benchmark.programs import CannotRun
from benchmark.rounds import Contestant


class Floor:
    """A floor program that waits for its turns; `with` gives the contestant. `kind` is `launch` or `exec`."""

    def __init__(self, ground: Ground, kind: str) -> None:
        argv = [ground.floor(), kind, str(ground.root)]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self) -> Contestant:
        return Contestant("floor", self._once)

    def __exit__(self, *_reason: object) -> None:
        self._process.communicate()

    def _once(self) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            raise CannotRun(self._process.communicate()[1].strip().removeprefix("floor: "))
        return int(line) / 1e9
