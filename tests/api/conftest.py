"""Pods of this process share its launcher, which makes sandboxes ahead: what is left is looked at when a module is through."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from host import host_snapshot

from ecirun.runtime import state


@pytest.fixture(autouse=True)
def host_stays_as_it_is(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test there are neither pods of it nor open descriptors."""
    if not request.node.get_closest_marker("sandbox"):
        yield
        return
    request.getfixturevalue("launcher_of_the_module")
    before = state.names(), _descriptors()
    yield
    assert (state.names(), _descriptors()) == before


@pytest.fixture(scope="module")
def launcher_of_the_module() -> Iterator[None]:
    """Started before the first test, so that it is nothing new to any of them."""
    import ecirun
    from ecirun.api import launchers

    before = host_snapshot()
    ecirun.run(ecirun.pod()).close()
    yield
    launchers._close_all()
    # The launcher of detached pods is nobody's to wait for.
    deadline = time.monotonic() + 10
    while host_snapshot() != before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert host_snapshot() == before


def _descriptors() -> list[str]:
    """What is open, but for the ends of the launchers and of sandboxes, which are there to stay."""
    from ecirun.api import launchers

    ends = set()
    for one in launchers._launchers.values():
        if one._launcher.end is not None:
            ends |= {str(end.fileno()) for end in (one._launcher.end, *(sandbox.end for sandbox in one._idle))}
    links = []
    for name in set(os.listdir("/proc/self/fd")) - ends:
        try:
            links.append(str(Path(f"/proc/self/fd/{name}").readlink()))
        except FileNotFoundError:
            continue
    return sorted(links)
