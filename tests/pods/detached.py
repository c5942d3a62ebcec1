"""Pods that run in the background, as a test holds them."""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from running import Result, run_ecirun

from ecirun.cli import main

STATE = Path("/run/ecirun")
PATIENCE = 20.0  # seconds


def manifest(spec: dict[str, Any], name: str = "test", **metadata: Any) -> str:
    """A pod's YAML; `image: busybox` is filled in."""
    families = {
        family: [{"image": "busybox", **entry} for entry in spec[family]]
        for family in ("initContainers", "containers")
        if family in spec
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **metadata}, "spec": {**spec, **families}}
    return yaml.safe_dump(pod, sort_keys=False)


def command(*arguments: str) -> Result:
    """A command that starts nothing, run in this process: it is what the tests call most."""
    stdout, stderr = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _stream in range(2))
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        code = main(arguments)
    return Result(code, *(stream.buffer.getvalue().decode() for stream in (stdout, stderr)))


class Detached:
    """A detached pod by its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def state(self) -> dict[str, Any]:
        """Its state.json."""
        found: dict[str, Any] = json.loads((STATE / self.name / "state.json").read_text())
        return found

    def container(self, name: str) -> dict[str, Any]:
        """What the state says of one container."""
        found: dict[str, Any] = next(entry for entry in self.state["containers"] if entry["name"] == name)
        return found

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until the condition holds."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, self.state
            time.sleep(0.02)

    def until_ended(self) -> None:
        """Wait for the pod's end."""
        self.until(lambda: self.state["phase"] in ("Succeeded", "Failed"))

    def until_said(self, text: str, container: str) -> None:
        """Wait until a container's log has the text."""
        log = STATE / self.name / "log" / f"{container}.log"
        self.until(lambda: log.exists() and text in log.read_text())

    def run(self, name: str, *arguments: str) -> Result:
        """An ecirun command about it."""
        return command(name, self.name, *arguments)

    def exec(self, *command: str, options: tuple[str, ...] = (), **more: Any) -> Result:
        """Execute a command in it."""
        return run_ecirun("exec", *options, self.name, "--", *command, **more)
