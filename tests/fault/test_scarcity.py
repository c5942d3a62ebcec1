"""Launches on a host that has run out of something, and pods whose surroundings vanish."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from programs import need
from running import PROGRAM, Result

from ecirun.linux import cgroup

pytestmark = pytest.mark.sandbox

DESCRIPTORS = (8, 9, 10, 11, 12, 13, 14, 16, 18, 20, 24, 28, 32, 64)
# What strace makes fail once, in whichever process of the launch comes to it first.
CALLS = ("clone3", "unshare", "setns", "mount", "fsopen", "fsmount", "move_mount", "open_tree", "mount_setattr", "pivot_root")
INTERRUPTED = ("poll", "ppoll", "recvmsg", "sendmsg", "wait4", "openat2", "mount_setattr", "clone3")


def run(pod: str, *, before: tuple[str, ...] = (), descriptors: int = 0) -> Result:
    def limit() -> None:
        if descriptors:
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

    command = [*before, *PROGRAM, "run", "-q", pod, "--", "echo", "fine"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, preexec_fn=limit, close_fds=True
    )
    return Result(done.returncode, done.stdout, done.stderr)


def is_an_error_or_fine(result: Result) -> bool:
    """One error in ecirun's words and nothing that ran, or a pod as always."""
    if result.code == 0:
        return result == (0, "fine\n", "")
    first, *_more = result.stderr.splitlines()
    return result.code == 125 and result.stdout == "" and first.startswith("ecirun: error: Can't ")


@pytest.fixture
def fine_again(pod_file: Callable[..., str]):
    """The next pod runs."""
    yield
    assert run(pod_file()) == (0, "fine\n", "")


@pytest.mark.usefixtures("fine_again")
def test_a_launch_without_descriptors_is_an_error(pod_file):
    pod = pod_file()
    results = {number: run(pod, descriptors=number) for number in DESCRIPTORS}
    assert {number: result for number, result in results.items() if not is_an_error_or_fine(result)} == {}
    assert results[DESCRIPTORS[-1]].code == 0


@pytest.fixture
def strace() -> Callable[[str], tuple[str, ...]]:
    need("strace")

    def injecting(fault: str) -> tuple[str, ...]:
        call = fault.partition(":")[0]
        return ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={fault}")

    return injecting


@pytest.mark.usefixtures("fine_again")
@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_finds_no_memory_is_an_error(pod_file, strace, call):
    result = run(pod_file(), before=strace(f"{call}:error=ENOMEM:when=1"))
    assert is_an_error_or_fine(result), result


@pytest.mark.usefixtures("fine_again")
@pytest.mark.parametrize("call", INTERRUPTED)
def test_a_call_that_is_interrupted_does_no_harm(pod_file, strace, call):
    result = run(pod_file(), before=strace(f"{call}:error=EINTR:when=1+7"))
    assert is_an_error_or_fine(result), result


def folders_of_pods() -> list[Path]:
    """The control groups of the pods that run."""
    return [group for hierarchy in cgroup.hierarchies() for group in Path(hierarchy.folder).glob("ecirun/*/")]


def test_a_pod_whose_control_groups_vanish_ends_as_always(pod_file, ecirun):
    command = [
        *PROGRAM,
        "run",
        "-q",
        pod_file(),
        "--",
        "sh",
        "-c",
        "echo ready; trap 'exit 3' TERM; while :; do sleep 0.05; done",
    ]
    client = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert client.stdout is not None
    assert client.stdout.readline() == "ready\n"
    groups = folders_of_pods()
    assert groups
    for group in groups:
        while not _removed(group):
            for pid in (group / "cgroup.procs").read_text().split():
                _move(pid, group.parent.parent)
    client.terminate()
    assert (*client.communicate(timeout=30), client.returncode) == ("", "", 3)
    assert ecirun("run", "-q", pod_file(), "--", "echo", "next") == (0, "next\n", "")


def _move(pid: str, group: Path) -> None:
    try:
        (group / "cgroup.procs").write_text(pid)
    except ProcessLookupError:
        pass


def _removed(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:
        time.sleep(0.005)
        return not group.exists()
    return True
