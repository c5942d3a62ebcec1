"""Judging pods that nobody runs."""

from __future__ import annotations

import sys

from benchmark import peers
from benchmark.ground import POD, Ground
from benchmark.launches import INSTALLED
from benchmark.rounds import take_turns
from benchmark.work import Measured

MANY = 1000


def check(ground: Ground, rounds: int) -> Measured:
    """One pod, and a file of a thousand, beside a Python that does nothing."""
    file = ground.folder / "pods.yaml"
    file.write_text("---\n".join(POD.replace("name: bench", f"name: bench-{number}") for number in range(MANY)))
    command = [*INSTALLED, "check", "--quiet"]
    contestants = [
        peers.command("check 1 pod", lambda: [*command, str(ground.pod)]),
        peers.command(f"check {MANY:,} pods", lambda: [*command, str(file)], slow=True),
        peers.command("python -c pass", lambda: [sys.executable, "-c", "pass"]),
    ]
    return Measured("check", "A spec that is only checked", take_turns(contestants, rounds), {})
