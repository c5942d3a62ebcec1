"""A real Docker engine: images of the checkout, and containers of them."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from running import CHECKOUT, Result

IMAGE = "ecirun"
WITH_TESTS = "ecirun-with-tests"
PRIVILEGED = ("--privileged",)
WITH_TESTS_FILE = CHECKOUT / "tests" / "docker" / "with-tests.Dockerfile"


def docker(*arguments: str, input: str | None = None, timeout: float = 120) -> Result:
    """Runs the docker client."""
    done = subprocess.run(
        ["docker", *arguments],
        input=input,
        stdin=subprocess.DEVNULL if input is None else None,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def build(*options: str, name: str) -> str:
    """An image of the checkout; what is the same as last time comes from the engine's cache."""
    # The builder of today's clients is a plugin that Debian packages apart; that of the engine does as well.
    result = subprocess.run(
        ["docker", "build", "--network", "host", "--quiet", "--tag", name, *options, str(CHECKOUT)],
        capture_output=True,
        text=True,
        env={**os.environ, "DOCKER_BUILDKIT": "0"},
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return name


class Container:
    """A container of the image in the background."""

    def __init__(self, work: Path, *arguments: str, flags: Sequence[str] = PRIVILEGED) -> None:
        result = docker("run", "--detach", *flags, "--volume", f"{work}:/work", IMAGE, *arguments)
        assert result.code == 0, result.stderr
        self.id = result.stdout.strip()

    def wait_for(self, text: str) -> None:
        """Until it has written that."""
        deadline = time.monotonic() + 30
        while text not in self.logs():
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.02)

    def logs(self) -> str:
        """What it has written on both streams."""
        result = docker("logs", self.id)
        return result.stdout + result.stderr

    def exec(self, *command: str, flags: Sequence[str] = ()) -> Result:
        """A further process in it."""
        return docker("exec", *flags, self.id, *command)

    def code(self) -> int:
        """Its exit code, once it has ended."""
        return int(docker("wait", self.id).stdout)

    def remove(self) -> None:
        """Whether it runs or not."""
        docker("rm", "--force", self.id)
