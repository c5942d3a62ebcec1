"""kill -9 at any moment, of any process of a pod: the workload ends with it, and the next command leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from host import pod_processes
from running import PROGRAM, Result

pytestmark = pytest.mark.sandbox


def until(condition: Callable[[], object], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def below(pid: int) -> Iterator[int]:
    """The processes below `pid`, parents first."""
    for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        yield child
        yield from below(child)


@pytest.fixture
def start(pod_file: Callable[..., str]) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a pod that runs for a minute; `ready` waits until its workload runs."""
    started = []

    def run(*options: str, ready: bool = True) -> subprocess.Popen[bytes]:
        command = [*PROGRAM, "run", "-q", *options, pod_file(), "--", "sh", "-c", "echo ready; sleep 60"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        started.append(process)
        assert process.stdout is not None
        if ready:
            assert process.stdout.readline() == b"ready\n"
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate(timeout=10)


def test_no_mount_of_a_pod_is_seen_on_the_host_while_it_runs(start):
    """crun tests/test_mounts.py: test_mount_no_leak_to_host"""
    before = Path("/proc/self/mountinfo").read_text()
    start("--writable-root")
    assert Path("/proc/self/mountinfo").read_text() == before


def test_a_pod_that_runs_has_one_process_on_the_host_in_each_of_its_namespaces_and_no_more(start):
    """What a workload can see holds no privilege and no file of the host: only itself is in its namespaces."""
    client = start()
    processes = pod_processes()
    workloads = {pid for pid, (command, _foreign) in processes.items() if command.split()[0] in ("sh", "sleep")}
    assert workloads
    theirs = {processes[pid][1].get("pid") for pid in workloads}
    assert {pid for pid, (_command, foreign) in processes.items() if foreign.get("pid") in theirs} == workloads
    for pid in workloads:
        assert set(processes[pid][1]) >= {"ipc", "mnt", "net", "pid", "uts"}
    assert client.poll() is None


@pytest.mark.parametrize("moment", [0.02, 0.06, 0.1, 0.14, 0.2])
def test_the_client_is_killed_during_the_launch(start, ecirun, pod_file, moment):
    before = pod_processes()
    client = start(ready=False)
    time.sleep(moment)
    client.kill()
    client.wait()
    assert until(lambda: pod_processes() == before)
    assert ecirun("run", "-q", pod_file(), "--", "echo", "next") == (0, "next\n", "")


@pytest.mark.parametrize("network", ["loopback", "bridge"])
@pytest.mark.parametrize("role", ["client", "launcher", "supervisor", "workload"])
def test_a_process_of_a_running_pod_is_killed(start, ecirun, pod_file, network, role):
    before = pod_processes()
    client = start("--network", network)
    launcher, supervisor, *others = below(client.pid)
    workload = next(pid for pid in others if pod_processes()[pid][0].split()[0] in ("sh", "sleep"))
    victims = {"client": client.pid, "launcher": launcher, "supervisor": supervisor, "workload": workload}
    os.kill(victims[role], signal.SIGKILL)
    if role != "launcher":  # without which a pod may well go on
        assert until(lambda: client.poll() is not None)
    client.kill()
    client.wait()
    assert until(lambda: pod_processes() == before)
    following = ecirun("run", "-q", pod_file(), "--", "echo", "next")
    assert (following.code, following.stdout) == (0, "next\n")


def test_everything_is_killed_at_once(start, ecirun, pod_file):
    client = start("--network", "bridge", "--writable-root")
    for pid in [client.pid, *below(client.pid)]:
        with contextlib.suppress(ProcessLookupError):  # the end of a supervisor is the end of what is below it
            os.kill(pid, signal.SIGKILL)
    client.wait()
    following: Result = ecirun("run", "-q", pod_file(), "--", "echo", "next")
    assert (following.code, following.stdout) == (0, "next\n")


def test_a_workload_cannot_outlive_its_pod(ecirun, pod_file):
    """A daemon that left its session and its parent, and another that ignores every signal it may."""
    script = "(setsid sleep 60 &) ; (trap '' TERM INT HUP; exec sleep 60) & exit 3"
    before = pod_processes()
    assert ecirun("run", "-q", pod_file(), "--", "sh", "-c", script).code == 3
    assert until(lambda: pod_processes() == before)
