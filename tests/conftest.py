"""Fixtures that the tests share; what they are made of is in `running` and `host`."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from handmade import Images
from host import adopt_orphans, host_snapshot, program_hashes, settled_host_snapshot
from running import Result, pod_yaml, run_ecirun

MUST_RUN = os.environ.get("ECIRUN_MUST_RUN") == "1"

CLONE_NEWNS = 0x00020000


def cannot_sandbox() -> str:
    """Why this machine cannot run a pod, or nothing."""
    if os.geteuid() != 0:
        return "not root"
    pid = os.fork()
    if pid == 0:
        os._exit(0 if ctypes.CDLL(None).unshare(CLONE_NEWNS) == 0 else 1)
    return "" if os.waitpid(pid, 0)[1] == 0 else "no CAP_SYS_ADMIN"


def pytest_configure() -> None:
    """Processes that tests orphan stay where the host snapshot finds them; none ignores Ctrl-C.

    A shell that starts something in the background has it ignore SIGINT, and so do all of that one's children.
    """
    adopt_orphans()
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need a sandbox skip where there can be none, unless they must run."""
    reason = cannot_sandbox()
    for item in items:
        if item.get_closest_marker("sandbox") and reason and not MUST_RUN:
            item.add_marker(pytest.mark.skip(reason=f"cannot sandbox here: {reason}"))


@pytest.fixture
def ecirun() -> Callable[..., Result]:
    """Runs ecirun with the arguments, and nothing on standard input."""
    return run_ecirun


@pytest.fixture
def pod_file(tmp_path: Path) -> Callable[..., str]:
    """Writes a pod and returns the file's name."""

    def write(**parts: str) -> str:
        path = tmp_path / "pod.yaml"
        path.write_text(pod_yaml(**parts))
        return str(path)

    return write


@pytest.fixture
def in_pod(ecirun: Callable[..., Result], pod_file: Callable[..., str]) -> Callable[..., Result]:
    """Runs a shell command in a minimal pod: `in_pod("id", container="…", options=["--network", "none"])`."""

    def run(command: str, *, options: tuple[str, ...] = (), **parts: str) -> Result:
        return ecirun("run", "--quiet", *options, pod_file(**parts), "--", "sh", "-c", command)

    return run


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    """A store for images that a test makes."""
    return Images(tmp_path_factory.mktemp("images") / "store")


@pytest.fixture
def in_image(ecirun: Callable[..., Result], pod_file: Callable[..., str], images: Images) -> Callable[..., Result]:
    """Runs a command in an image of that store: `in_image("name", ["id"], pod="…", options=["--network", "none"])`."""

    def run(image: str, command: list[str], *, options: tuple[str, ...] = (), **parts: str) -> Result:
        return ecirun("run", "--quiet", "--store", str(images.store), *options, pod_file(image=image, **parts), "--", *command)

    return run


@pytest.fixture(scope="session", autouse=True)
def programs_stay_as_they_are() -> Iterator[None]:
    """The host's Python, shell and busybox, by their content, before and after all tests."""
    before = program_hashes()
    yield
    assert program_hashes() == before


@pytest.fixture(autouse=True)
def host_stays_as_it_is(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test with a sandbox must not change, compared before and after it."""
    if not request.node.get_closest_marker("sandbox"):
        yield
        return
    before = host_snapshot()
    yield
    assert settled_host_snapshot(before) == before
