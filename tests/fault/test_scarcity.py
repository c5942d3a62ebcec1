"""Launches on a host that has run out of something, and pods whose surroundings vanish."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from programs import need
from running import CHECKOUT, PROGRAM, Result

from ecirun.linux import cgroup

pytestmark = pytest.mark.sandbox

DESCRIPTORS = (8, 9, 10, 11, 12, 13, 14, 16, 18, 20, 24, 28, 32, 64)
# What strace makes fail once, in whichever process of the launch comes to it first.
CALLS = ("clone3", "unshare", "setns", "mount", "fsopen", "fsmount", "move_mount", "open_tree", "mount_setattr", "pivot_root")
INTERRUPTED = ("poll", "ppoll", "recvmsg", "sendmsg", "wait4", "openat2", "mount_setattr", "clone3")


LIMITS = "see what has run out: ulimit -a, and pids.max and memory.max of this control group"


def run(pod: str, option: str = "--quiet", *, before: tuple[str, ...] = (), descriptors: int = 0) -> Result:
    def limit() -> None:
        if descriptors:
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

    command = [*before, *PROGRAM, "run", option, pod, "--", "echo", "fine"]
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


@pytest.mark.usefixtures("fine_again")
@pytest.mark.parametrize("option", ["--quiet", "--detach"])
def test_where_no_process_can_be_started_is_an_error(pod_file, strace, option):
    result = run(pod_file(), option, before=strace("clone,clone3,?vfork,?fork:error=EAGAIN"))
    assert result == (
        125,
        "",
        f"ecirun: error: Can't start the launcher: Resource temporarily unavailable\n    hint: {LIMITS}\n",
    )


@pytest.mark.usefixtures("fine_again")
def test_a_launcher_that_cannot_fork_says_so(pod_file, strace):
    result = run(pod_file(), before=strace("clone3:error=EAGAIN"))
    assert result == (
        125,
        "",
        f"ecirun: error: Can't start a supervisor: Resource temporarily unavailable\n    hint: {LIMITS}\n",
    )


@pytest.fixture
def few_processes() -> Iterator[Callable[[int], tuple[str, ...]]]:
    """What to put before a command, so that it and all that it starts are at most so many processes at once."""
    hierarchy = next(found for found in cgroup.hierarchies() if "pids" in found.controllers)
    group = Path(hierarchy.mount) / f"ecirun-few-processes-{os.getpid()}"
    group.mkdir()

    def limited(number: int) -> tuple[str, ...]:
        (group / "pids.max").write_text(str(number))
        return ("sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(group))

    yield limited
    for folder in sorted(group.rglob("*/"), reverse=True):
        folder.rmdir()
    group.rmdir()


@pytest.mark.usefixtures("fine_again")
def test_each_process_of_a_launch_may_be_one_too_many(pod_file, few_processes):
    results = [run(pod_file(), before=few_processes(number)) for number in range(1, 8)]
    no_process = "Can't start a process for a container: Resource temporarily unavailable"
    first_lines = (
        "Can't start the launcher: Resource temporarily unavailable",
        "Can't start a supervisor: Resource temporarily unavailable",
        "Can't launch the pod: Resource temporarily unavailable (clone3)",  # the supervisor cannot have its zygote
        no_process,
        no_process,
        no_process,
    )
    errors = [Result(125, "", f"ecirun: error: {first}\n    hint: {LIMITS}\n") for first in first_lines]
    assert results == [*errors, Result(0, "fine\n", "")]


UNTIL_THE_LAUNCHER_HAS_NO_MORE_DESCRIPTORS = """
import contextlib, resource
import ecirun, psutil
sleeper = ecirun.pod(command=["sleep", "1000"])
with contextlib.ExitStack() as pods:
    first = pods.enter_context(ecirun.run(sleeper, name="first"))
    [launcher] = psutil.Process().children()
    soft, hard = resource.prlimit(launcher.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(launcher.pid, resource.RLIMIT_NOFILE, (40, hard))  # which is enough for a supervisor
    try:
        for number in range(40):
            pods.enter_context(ecirun.run(sleeper, name=f"p{number}"))
    except ecirun.LaunchFailed as error:
        print(error.message, error.step, error.hint, sep="\\n")
    print(first.exec(["echo", "still there"]).stdout, end="")
    resource.prlimit(launcher.pid, resource.RLIMIT_NOFILE, (soft, hard))
    print(pods.enter_context(ecirun.run(sleeper, name="more")).exec(["echo", "and more"]).stdout, end="")
"""


def test_pods_go_on_when_their_launcher_can_start_no_more():
    script = [sys.executable, "-c", UNTIL_THE_LAUNCHER_HAS_NO_MORE_DESCRIPTORS]
    done = subprocess.run(script, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)
    said = f"Can't start a supervisor: Too many open files\nlauncher\n{LIMITS}\nstill there\nand more\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")


NO_DESCRIPTOR_LEFT = """
import os, resource
import ecirun
with ecirun.run(ecirun.pod(command=["sleep", "1000"])) as pod:
    pod.exec(["true"])
    for free in range(8):
        before = len(os.listdir("/proc/self/fd")) - 1
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (before + free, hard))
        try:
            pod.exec(["true"])
        except OSError as error:
            print(error.strerror)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert len(os.listdir("/proc/self/fd")) - 1 == before
    print(pod.exec(["echo", "fine"]).stdout, end="")
"""


def test_exec_without_descriptors_is_an_error_and_leaves_none_open():
    done = subprocess.run(
        [sys.executable, "-c", NO_DESCRIPTOR_LEFT], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False
    )
    said = set(done.stdout.splitlines())
    assert (done.returncode, said, done.stderr) == (0, {"Too many open files", "fine"}, "")


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
