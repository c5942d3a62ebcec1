"""Fixtures for whole pods."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from detached import Detached, manifest
from host import host_snapshot, settled_host_snapshot
from running import run_ecirun


@pytest.fixture(autouse=True)
def host_stays_as_it_is() -> None:
    """Pods live longer than a test here: the host is looked at before and after all of a module's tests."""


@pytest.fixture(scope="module", autouse=True)
def host_stays_as_it_is_in_the_end() -> Iterator[None]:
    before = host_snapshot()
    yield
    assert settled_host_snapshot(before) == before


@pytest.fixture
def detach(tmp_path: Path) -> Iterator[Callable[..., Detached]]:
    """Starts detached pods, which end with the test: `detach({"containers": …}, "--log-max", "1", name="…")`."""
    started: list[str] = []

    def start(spec: dict[str, Any], *options: str, name: str = "test", **metadata: Any) -> Detached:
        file = tmp_path / f"{name[:100]}.yaml"
        file.write_text(manifest(spec, name, **metadata))
        result = run_ecirun("run", "-d", *options, str(file), timeout=20)
        assert result == (0, f"{name}\n", ""), result
        started.append(name)
        return Detached(name)

    yield start
    if started:
        assert run_ecirun("rm", "-f", *started).code == 0
