"""What containers write, in the format of container runtimes' logs."""

from __future__ import annotations

import re
import subprocess

import pytest
from detached import STATE
from running import PROGRAM

pytestmark = pytest.mark.sandbox

ENTRY = re.compile(rb"([0-9-]{10}T[0-9:]{8}\.[0-9]{9}Z) (stdout|stderr) ([FP]) (.*)", re.DOTALL)


def entries(pod, container: str = "main", end: str = "") -> list[tuple[bytes, bytes, bytes]]:
    """Stream, mark and text of every entry of a log."""
    data = (STATE / pod.name / "log" / f"{container}.log{end}").read_bytes()
    return [ENTRY.fullmatch(line).groups()[1:] for line in data.removesuffix(b"\n").split(b"\n")]


def once(script: str) -> dict[str, object]:
    return {"restartPolicy": "Never", "containers": [{"name": "main", "command": ["sh", "-c", script]}]}


def test_whole_lines_and_the_rest_of_one(detach):
    pod = detach(once("echo one; echo two >&2; echo; printf three"))
    pod.until_ended()
    found = entries(pod)
    assert [entry for entry in found if entry[0] == b"stdout"] == [
        (b"stdout", b"F", b"one"),
        (b"stdout", b"F", b""),
        (b"stdout", b"P", b"three"),
    ]
    assert [entry for entry in found if entry[0] == b"stderr"] == [(b"stderr", b"F", b"two")]
    assert pod.run("logs") == (0, "one\n\nthree", "two\n")
    assert pod.run("logs", "--tail", "1").stdout == "three"


def test_a_long_line_is_cut_into_parts_and_comes_out_whole(detach):
    pod = detach(once("head -c 40000 /dev/zero | tr '\\0' x; echo"))
    pod.until_ended()
    assert [(mark, len(text)) for _stream, mark, text in entries(pod)] == [(b"P", 16384), (b"P", 16384), (b"F", 7232)]
    assert pod.run("logs").stdout == "x" * 40000 + "\n"
    assert pod.run("logs", "--tail", "1").stdout == "x" * 40000 + "\n"


def test_any_bytes_come_out_as_they_went_in(detach, pod_file):
    pod = detach(once("head -c 300000 /bin/busybox"))
    pod.until_ended()
    logs = subprocess.run([*PROGRAM, "logs", "test"], capture_output=True, timeout=20).stdout
    there = subprocess.run(
        [*PROGRAM, "run", "-q", "--name", "other", pod_file(), "--", "head", "-c", "300000", "/bin/busybox"],
        capture_output=True,
        timeout=20,
    )
    assert logs == there.stdout
    assert len(logs) == 300000


def test_a_log_is_bounded_and_keeps_the_end(detach):
    pod = detach(once("i=0; while [ $i -lt 40000 ]; do i=$((i+1)); echo line number $i; done"), "--log-max", "1")
    pod.until_ended()
    log = STATE / "test" / "log"
    assert sorted(path.name for path in log.iterdir()) == ["main.log", "main.log.1"]
    assert sum(path.stat().st_size for path in log.iterdir()) <= 2**20
    lines = pod.run("logs").stdout.splitlines()
    last = int(lines[-1].split()[-1])
    assert last == 40000
    assert lines == [f"line number {number}" for number in range(40001 - len(lines), 40001)]
    assert pod.run("logs", "--tail", "3").stdout == "line number 39998\nline number 39999\nline number 40000\n"


def test_following_over_rotations_misses_nothing_and_ends_with_the_container(detach):
    script = "i=0; while [ $i -lt 9000 ]; do i=$((i+1)); echo line number $i; [ $((i%1500)) = 0 ] && sleep 0.15; done; :"
    detach(once(script), "--log-max", "1")
    followed = subprocess.run([*PROGRAM, "logs", "-f", "test"], capture_output=True, text=True, timeout=30)
    assert followed.stdout.splitlines() == [f"line number {number}" for number in range(1, 9001)]
    assert (followed.returncode, followed.stderr) == (0, "")


def test_following_goes_on_when_the_container_starts_again(detach):
    spec = once("cat /dev/shm/ran 2>/dev/null && exit 0; echo first; echo again > /dev/shm/ran; exit 1")
    detach({**spec, "restartPolicy": "OnFailure"})
    followed = subprocess.run([*PROGRAM, "logs", "-f", "test"], capture_output=True, text=True, timeout=30)
    assert followed.stdout.endswith("again\n")


def test_what_was_written_before_death_is_in_the_log(detach):
    pod = detach(once("i=0; while [ $i -lt 5000 ]; do i=$((i+1)); echo $i; done; kill -9 -1; exec sh -c 'kill -SEGV $$'"))
    pod.until_ended()
    assert pod.run("logs").stdout == "".join(f"{number}\n" for number in range(1, 5001))


def test_what_was_written_before_a_kill_from_outside_is_in_the_log(detach):
    pod = detach(once("i=0; while [ $i -lt 5000 ]; do i=$((i+1)); echo $i; done; touch /dev/shm/done; exec sleep 1000"))
    pod.until(lambda: pod.exec("test", "-e", "/dev/shm/done").code == 0)
    assert pod.run("stop", "--grace", "0").code == 0
    assert pod.run("logs").stdout == "".join(f"{number}\n" for number in range(1, 5001))


def test_who_closes_the_streams_lives_on(detach):
    pod = detach(once("exec >&- 2>&-; sleep 0.3; exit 5"))
    assert pod.run("wait").stdout == "5\n"
    assert pod.run("logs") == (0, "", "")


def test_what_a_daemon_writes_is_logged_as_long_as_its_container_lives(detach):
    pod = detach(once("setsid sh -c 'while :; do echo daemon; sleep 0.05; done' & sleep 0.3; echo end"))
    pod.until_ended()
    lines = pod.run("logs").stdout.splitlines()
    assert "daemon" in lines
    assert "end" in lines


def test_who_writes_without_end_does_not_hold_anybody_up(detach):
    spec = {"containers": [{"name": "main", "command": ["yes"]}, {"name": "b", "command": ["sleep", "1000"]}]}
    pod = detach(spec, "--log-max", "1")
    pod.until(lambda: pod.state["phase"] == "Running")
    assert pod.exec("echo", "hello", options=("-c", "b")).stdout == "hello\n"
    assert pod.run("stop", "--grace", "0").code == 0
    assert sum(path.stat().st_size for path in (STATE / "test" / "log").glob("main*")) <= 2**20


def test_the_log_of_an_earlier_run(detach):
    spec = once("test -e /dev/shm/ran && { echo second; exec sleep 1000; }; touch /dev/shm/ran; echo first; exit 1")
    pod = detach({**spec, "restartPolicy": "Always"})
    pod.until_said("second", "main")
    assert pod.run("logs").stdout == "second\n"
    assert pod.run("logs", "-p").stdout == "first\n"


def test_a_foreground_pod_has_no_log(detach, pod_file):
    client = subprocess.Popen(
        [*PROGRAM, "run", pod_file(), "--", "sh", "-c", "echo ready; exec sleep 1000"], stdout=subprocess.PIPE
    )
    assert client.stdout.readline() == b"ready\n"
    from detached import Detached

    pod = Detached("test")
    pod.until(lambda: (STATE / "test" / "state.json").exists())
    assert pod.run("logs") == (
        125,
        "",
        'ecirun: error: Can\'t show logs of pod "test": its output goes to the command that runs it\n'
        "    hint: run it with -d to have logs\n",
    )
    assert pod.exec("echo", "but exec works") == (0, "but exec works\n", "")
    assert pod.run("rm", "-f") == (0, "test\n", "")
    client.communicate(timeout=20)
    assert client.returncode == 137
