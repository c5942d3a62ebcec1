"""Running ecirun as a user does, and pods that differ in one place."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parent.parent
PROGRAM = [sys.executable, "-I", str(CHECKOUT / "ecirun" / "__main__.py")]


class Result(NamedTuple):
    """How a command ended and what it said."""

    code: int
    stdout: str
    stderr: str


def run_ecirun(
    *arguments: str,
    input: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 60,
) -> Result:
    """Runs ecirun with the arguments, and nothing on standard input unless `input` is given."""
    done = subprocess.run(
        [*PROGRAM, *arguments],
        input=input,
        stdin=subprocess.DEVNULL if input is None else None,
        capture_output=True,
        text=True,
        env={**os.environ, **(env or {})},
        cwd=cwd,
        timeout=timeout,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def pod_yaml(*, container: str = "", pod: str = "", name: str = "test", image: str = "busybox") -> str:
    """A minimal pod with more lines in its container (indented by 4) or its spec (indented by 2)."""
    return (
        f"apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\nspec:\n"
        + _indented(pod, 2)
        + f"  containers:\n  - name: main\n    image: {image}\n"
        + _indented(container, 4)
    )


def _indented(text: str, by: int) -> str:
    return "".join(" " * by + line + "\n" for line in text.strip("\n").split("\n") if text.strip())
