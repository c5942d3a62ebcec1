"""`docker run --privileged --rm -v $PWD:/work ecirun run pod.yaml`: the documentation's pods, and what passes through."""

from __future__ import annotations

import fcntl
import json
import os
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest
from engine import IMAGE, docker
from running import CHECKOUT, pod_yaml

EXAMPLES = CHECKOUT / "ecirun" / "examples"

# A program that answers signals, and one that does not.
ANSWERS = """\
command: [sh, -c, 'trap "echo stopped; exit 7" TERM; trap "echo one" USR1; trap "echo interrupted; exit 3" INT;
  echo ready; while :; do sleep 0.05; done']
"""
DEAF = """command: [sh, -c, 'trap "" TERM; echo ready; while :; do sleep 0.05; done']"""


@pytest.fixture
def write(tmp_path: Path):
    """Writes /work/pod.yaml."""

    def written(**parts: str) -> None:
        (tmp_path / "pod.yaml").write_text(pod_yaml(**parts))

    return written


def test_the_sysctl_pod_has_its_own_values_and_the_host_keeps_its_own(in_docker):
    result = in_docker("run", "example:sysctl", "--", "cat", "/proc/sys/net/core/somaxconn", "/proc/sys/kernel/msgmax")
    assert result == (0, "1024\n65536\n", "")


@pytest.mark.parametrize(
    ("example", "code", "stderr"), [("network", 2, "ip: SIOCSIFFLAGS: Operation not permitted\n"), ("network-admin", 0, "")]
)
def test_a_link_is_set_down_with_net_admin_only(in_docker, tmp_path, example, code, stderr):
    (tmp_path / "pod.yaml").write_bytes((EXAMPLES / f"{example}.yaml").read_bytes())
    assert in_docker("run", "pod.yaml", "--", "ip", "link", "set", "lo", "down") == (code, "", stderr)


def test_it_works_offline(in_docker):
    result = in_docker("run", "example:network", "--", "echo", "fine", flags=("--privileged", "--network", "none"))
    assert result == (0, "fine\n", "")


def test_a_refused_pod_ends_as_on_the_host(in_docker, ecirun, write, tmp_path):
    write(container="securityContext: {privileged: true}")
    assert in_docker("run", "pod.yaml") == ecirun("run", "pod.yaml", cwd=tmp_path)


def test_what_it_lacks_of_a_file_is_said_as_on_the_host(in_docker, ecirun, tmp_path):
    assert in_docker("check", "missing.yaml") == ecirun("check", "missing.yaml", cwd=tmp_path)


def test_standard_input_and_both_outputs_pass_through(in_docker, write):
    write(container="command: [sh, -c, 'cat; echo error >&2']")
    assert in_docker("run", "-i", "pod.yaml", input="line\n") == (0, "line\n", "error\n")


@pytest.mark.parametrize(
    ("command", "code"),
    [("exit 42", 42), ('sh -c "kill -KILL \\$\\$"; exit $?', 137), ("exec /missing", 127), ("exec /etc/passwd", 126)],
)
def test_exit_codes_pass_through(in_docker, write, command, code):
    write(container=f"command: [sh, -c, {json.dumps(command)}]")
    assert in_docker("run", "-q", "pod.yaml").code == code


def test_a_command_that_is_not_there(in_docker, write):
    write(container="command: [missing]")
    assert in_docker("run", "-q", "pod.yaml").code == 127


def test_a_terminal_passes_through_with_its_size(write, image, tmp_path):
    write(container="command: [sh, -c, 'tty; stty size']", pod="restartPolicy: Never")
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 33, 101, 0, 0))
    command = ["docker", "run", "-it", "--privileged", "--rm", "-v", f"{tmp_path}:/work", IMAGE, "run", "-it", "pod.yaml"]
    client = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    assert read_to_end(ours).replace(b"\r\n", b"\n") == b"/dev/pts/0\n33 101\n"
    assert (client.wait(), client.communicate()[1]) == (0, b"")
    os.close(ours)


def test_ctrl_c_reaches_the_workload_once(write, image, tmp_path):
    write(container=ANSWERS, pod="restartPolicy: Never")
    ours, theirs = os.openpty()
    command = ["docker", "run", "-it", "--privileged", "--rm", "-v", f"{tmp_path}:/work", IMAGE, "run", "pod.yaml"]
    client = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    while b"ready" not in seen:
        seen += os.read(ours, 4096)
    os.write(ours, b"\x03")
    assert b"interrupted: sent SIGINT to the workload" in (said := read_to_end(ours))
    assert said.endswith(b"interrupted\r\n")
    assert client.wait() == 3
    os.close(ours)


def read_to_end(terminal: int) -> bytes:
    """All that comes until nobody has the other end."""
    found = b""
    while True:
        try:
            found += os.read(terminal, 65536)
        except OSError:
            return found


def test_a_signal_reaches_the_workload(start, write):
    write(container=ANSWERS)
    container = start("run", "pod.yaml")
    container.wait_for("ready")
    docker("kill", "--signal", "USR1", container.id)
    container.wait_for("one")
    docker("stop", container.id)
    assert (container.code(), container.logs()) == (7, "ready\none\nstopped\n")


def test_docker_stop_gives_the_pod_its_grace_period(start, write):
    write(container=DEAF, pod="terminationGracePeriodSeconds: 1")
    container = start("run", "pod.yaml")
    container.wait_for("ready")
    began = time.monotonic()
    docker("stop", "--time", "60", container.id)
    assert time.monotonic() - began < 50  # not docker's time, whatever the load
    assert container.code() == 137
    assert container.logs() == "ready\necirun: still running 1 s after the stop signal: killed\n"


def test_ecirun_as_process_1_reaps_orphans(start, write):
    write(container="command: [sleep, '1000']")
    container = start("run", "--name", "pod", "pod.yaml")
    deadline = time.monotonic() + 30
    while container.exec("ecirun", "exec", "pod", "--", "true").code:
        assert time.monotonic() < deadline
    for _ in range(3):
        container.exec("sh", "-c", "sleep 0.05 & exit 0")
    states = "grep -hE '^(Name|State|PPid)' /proc/[0-9]*/status"
    while "zombie" in (seen := container.exec("sh", "-c", f"pgrep -x sleep | wc -l; {states}").stdout):
        assert time.monotonic() < deadline, seen


def test_the_other_commands_find_the_pod(start, write):
    write(container="command: [sh, -c, 'echo ready; exec sleep 1000']")
    container = start("run", "pod.yaml")
    container.wait_for("ready")
    assert container.exec("ecirun", "exec", "test", "--", "hostname").stdout == "test\n"
    assert container.exec("ecirun", "ps").stdout.splitlines()[1].split()[:3] == ["test", "1/1", "Running"]
    assert container.exec("ecirun", "stop", "--grace", "0", "test").code == 0
    assert container.code() == 137


def test_a_detached_pod_lives_with_the_container(start, write):
    """Started by `docker exec` beside another process 1, as a CI service would have it."""
    write(container="command: [sh, -c, 'echo ready; exec sleep 1000']")
    container = start("1000", flags=("--privileged", "--entrypoint", "sleep"))
    assert container.exec("ecirun", "run", "-d", "pod.yaml").stdout == "test\n"
    assert container.exec("ecirun", "exec", "test", "--", "cat", "/proc/1/comm").stdout == "sleep\n"
    assert container.exec("ecirun", "rm", "-f", "test").code == 0
    left = "ls -A /run/ecirun 2>/dev/null; ip -br link; find /sys/fs/cgroup -name '*ecirun*' | grep -v ecirun-docker; ps -e"
    assert "ecirun" not in container.exec("sh", "-c", left).stdout


@pytest.mark.parametrize("flags", [("--cgroupns", "host"), ("--cgroupns", "private"), ("--read-only", "--tmpfs", "/run")])
def test_limits_hold_whatever_control_groups_the_container_sees(in_docker, write, flags):
    write(container="resources: {limits: {memory: 32Mi}}\ncommand: [dd, if=/dev/zero, of=/dev/null, bs=64M, count=1]")
    assert in_docker("run", "pod.yaml", flags=("--privileged", *flags)).code == 137
