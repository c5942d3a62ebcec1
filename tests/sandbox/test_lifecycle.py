"""Signals, deaths of every process involved, and what is left behind: nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from host import pod_processes
from running import PROGRAM

pytestmark = pytest.mark.sandbox


class Started:
    """A pod whose workload has said `ready`."""

    def __init__(self, file: str, script: str, *options: str) -> None:
        command = [*PROGRAM, "run", *options, file, "--", "sh", "-c", script]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n"

    def end(self) -> tuple[int, bytes, bytes]:
        stdout, stderr = self.process.communicate(timeout=30)
        return self.process.returncode, stdout, stderr


def eventually(condition) -> bool:
    """Whether the condition holds within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def supervisor_of(client: int) -> int:
    """client → launcher → supervisor"""
    return child_of(child_of(client))


TRAPPING = "trap 'echo {0}; exit 7' {0}; echo ready; while :; do sleep 0.05; done"


@pytest.mark.parametrize("name", ["HUP", "USR1", "USR2", "QUIT", "TERM", "INT"])
def test_a_signal_is_passed_on(pod_file, name):
    pod = Started(pod_file(), TRAPPING.format(name), "-q")
    pod.process.send_signal(getattr(signal, f"SIG{name}"))
    assert pod.end() == (7, f"{name}\n".encode(), b"")


def test_a_second_control_c_kills(pod_file):
    pod = Started(pod_file(), "trap 'echo caught' INT; echo ready; while :; do sleep 0.05; done")
    pod.process.send_signal(signal.SIGINT)
    assert pod.process.stdout.readline() == b"caught\n"
    pod.process.send_signal(signal.SIGINT)
    message = b"ecirun: interrupted: sent SIGINT to the workload; press Ctrl-C again to kill it\n"
    assert pod.end() == (137, b"", message)


def test_after_sigterm_the_grace_period_ends_in_a_kill(pod_file):
    pod = Started(pod_file(pod="terminationGracePeriodSeconds: 1"), "echo ready; sleep 1000")
    pod.process.send_signal(signal.SIGTERM)
    assert pod.end() == (137, b"", b"ecirun: still running 1 s after the stop signal: killed\n")


def test_when_the_client_is_killed_everything_ends(pod_file, ecirun):
    before = pod_processes()
    pod = Started(pod_file(), "echo ready; sleep 1000", "-q")
    pod.process.kill()
    pod.end()
    assert eventually(lambda: pod_processes() == before)
    assert ecirun("run", pod_file(), "--", "echo", "again") == (0, "again\n", "")


def test_when_the_supervisor_is_killed_the_workload_ends_and_the_next_command_cleans_up(pod_file, ecirun):
    before = pod_processes()
    pod = Started(pod_file(), "echo ready; sleep 1000", "-q", "--network", "bridge")
    os.kill(supervisor_of(pod.process.pid), signal.SIGKILL)
    code, _stdout, stderr = pod.end()
    assert (code, stderr) == (
        125,
        b"ecirun: error: Can't say how the workload ended: its supervisor died\n    hint: run it again\n",
    )
    assert eventually(lambda: pod_processes() == before)
    assert ecirun("run", pod_file(), "--", "echo", "again") == (
        0,
        "again\n",
        'ecirun: warning: pod "test" was lost: its supervisor died; cleaned up after it\n',
    )


def test_a_second_pod_of_one_name_is_refused(pod_file, ecirun):
    pod = Started(pod_file(), "echo ready; sleep 1000", "-q")
    assert ecirun("run", pod_file(), "--", "true") == (
        125,
        "",
        'ecirun: error: Can\'t start pod "test": a pod of that name runs already\n'
        "    hint: give this one another name with --name\n",
    )
    assert ecirun("run", "--name", "other", pod_file(), "--", "true").code == 0
    pod.process.send_signal(signal.SIGKILL)
    pod.end()
    assert eventually(lambda: ecirun("run", pod_file(), "--", "true").code == 0)


def test_children_of_the_workload_end_with_it(pod_file, ecirun):
    before = pod_processes()
    assert ecirun("run", "-q", pod_file(), "--", "sh", "-c", "sleep 1000 & sleep 1000 & exit 4").code == 4
    assert pod_processes() == before


def test_the_workload_is_process_one_of_its_own_namespace(in_pod):
    assert in_pod("echo $$; ls -d /proc/[0-9]*").stdout.split()[:2] == ["1", "/proc/1"]
