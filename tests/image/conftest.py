"""Fixtures of the image tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from archives import docker_archive, layer
from running import Result

from ecirun.cli import main
from ecirun.image.load import load


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store of the test's own; it is there when something is loaded into it."""
    return str(tmp_path / "store")


@pytest.fixture
def image(store: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Runs `ecirun image COMMAND … --store STORE` in this process, which saves the start of another."""

    def run(command: str, *arguments: object) -> Result:
        capsys.readouterr()
        code = main(["image", command, *map(str, arguments), "--store", store])
        return Result(code, *capsys.readouterr())

    return run


@pytest.fixture
def unpack(tmp_path: Path, store: str) -> Callable[..., Path]:
    """Loads an image of these layers (each a list of members); the folder of its root."""

    def run(*layers: list) -> Path:
        archive = docker_archive(tmp_path / "image.tar", *[layer(*members) for members in layers])
        (image,) = load(archive, store)
        return Path(image.rootfs)

    return run


@pytest.fixture
def root() -> None:
    """For a test that needs root's privilege, but no sandbox: owners, devices and set-uid bits are kept for root alone."""
    if os.geteuid() != 0 and os.environ.get("ECIRUN_MUST_RUN") != "1":
        pytest.skip("not root")
