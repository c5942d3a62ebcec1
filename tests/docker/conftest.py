"""Everything here needs a Docker engine, which `scripts/test --docker` provides."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from engine import IMAGE, PRIVILEGED, WITH_TESTS, WITH_TESTS_FILE, Container, build, docker
from host import host_snapshot
from running import Result

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("docker")


@pytest.fixture(scope="session")
def image() -> str:
    """The image of the Dockerfile."""
    return build(name=IMAGE)


@pytest.fixture(scope="session")
def image_with_tests(image: str) -> str:
    """The same, and what the tests themselves need."""
    return build("--file", str(WITH_TESTS_FILE), name=WITH_TESTS)


@pytest.fixture
def in_docker(image: str, tmp_path: Path) -> Callable[..., Result]:
    """`in_docker("run", "pod.yaml")`: ecirun in a container that has the test's folder as /work."""

    def run(*arguments: str, flags: Sequence[str] = PRIVILEGED, input: str | None = None) -> Result:
        interactive = ["--interactive"] if input is not None else []
        return docker("run", *flags, *interactive, "--rm", "--volume", f"{tmp_path}:/work", image, *arguments, input=input)

    return run


@pytest.fixture
def start(image: str, tmp_path: Path) -> Iterator[Callable[..., Container]]:
    """`start("run", "pod.yaml")`: the same in the background, removed with the test."""
    started: list[Container] = []

    def begin(*arguments: str, flags: Sequence[str] = PRIVILEGED) -> Container:
        started.append(Container(tmp_path, *arguments, flags=flags))
        return started[-1]

    yield begin
    for container in started:
        container.remove()


@pytest.fixture(autouse=True)
def host_stays_as_it_is(image: str) -> Iterator[None]:
    """What is outside of the container, before and after it. The engine may need a moment to take its own away."""
    before = _outside()
    yield
    deadline = time.monotonic() + 10
    while (after := _outside()) != before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert after == before


def _outside() -> dict[str, Any]:
    return {name: value for name, value in host_snapshot().items() if name != "store"}
