"""Standard streams and the terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import termios
from pathlib import Path

import pytest
from running import PROGRAM

pytestmark = pytest.mark.sandbox


def test_output_is_not_touched(pod_file):
    command = "head -c 100000 /dev/urandom | tee /dev/stderr"
    done = subprocess.run(
        [*PROGRAM, "run", "-q", pod_file(), "--", "sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True
    )
    assert done.returncode == 0
    assert len(done.stdout) == 100000
    assert done.stdout == done.stderr


def test_standard_input_is_given_with_i(pod_file):
    data = os.urandom(100000)
    done = subprocess.run([*PROGRAM, "run", "-q", "-i", pod_file(), "--", "cat"], input=data, capture_output=True)
    assert (done.returncode, done.stdout) == (0, data)


def test_without_i_standard_input_is_empty(ecirun, pod_file):
    assert ecirun("run", "-q", pod_file(), "--", "cat", input="not for the workload") == (0, "", "")


def test_the_spec_is_read_from_standard_input(ecirun, pod_file):
    spec = Path(pod_file()).read_text()
    assert ecirun("run", "-q", "-", "--", "echo", "ran", input=spec) == (0, "ran\n", "")


def test_the_spec_and_the_workload_cannot_share_standard_input(ecirun):
    assert ecirun("run", "-i", "-", "--", "cat", input="") == (
        125,
        "",
        "ecirun: error: Can't give standard input to the workload: the spec is read from it\n"
        "    hint: read the spec from a file, or leave out -i\n",
    )


def test_the_workload_has_the_three_streams_and_nothing_else(in_pod):
    assert in_pod("ls -1 /proc/self/fd").stdout.split() == ["0", "1", "2", "3"]  # 3 is the folder that ls reads


def in_terminal(*arguments: str, typed: bytes = b"", size: tuple[int, int] = (33, 101)) -> tuple[int, bytes, list]:
    """Runs ecirun on a terminal of its own; its exit code, what the terminal shows, and how it is left."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, size)
    before = termios.tcgetattr(theirs)
    process = subprocess.Popen([*PROGRAM, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    shown = b""
    ready = b"ready" if typed else b""
    while True:
        if ready and ready in shown:
            os.write(ours, typed)
            ready = b""
        readable = bool(_readable(ours))
        if readable:
            shown += os.read(ours, 4096)
        elif process.poll() is not None:
            break
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)
    return process.returncode, shown, before


def _readable(descriptor: int) -> list[int]:
    import select

    return select.select([descriptor], [], [], 0.05)[0]


def test_t_gives_a_terminal_of_the_same_size_and_leaves_the_own_one_as_it_was(pod_file):
    code, shown, _before = in_terminal("run", "-q", "-t", pod_file(), "--", "sh", "-c", "tty; stty size; echo $TERM; exit 3")
    assert (code, shown) == (3, b"/dev/pts/0\r\n33 101\r\nxterm\r\n")


def test_it_reads_from_the_terminal(pod_file):
    command = "echo ready; read line; echo got $line"
    code, shown, _before = in_terminal("run", "-q", "-it", pod_file(), "--", "sh", "-c", command, typed=b"hello\n")
    assert (code, shown) == (0, b"ready\r\nhello\r\ngot hello\r\n")


def test_control_c_in_the_terminal_interrupts_the_workload(pod_file):
    command = "trap 'echo trapped; exit 9' INT; echo ready; while :; do sleep 0.1; done"
    code, shown, _before = in_terminal("run", "-q", "-it", pod_file(), "--", "sh", "-c", command, typed=b"\x03")
    assert (code, shown) == (9, b"ready\r\n^Ctrapped\r\n")


def test_t_without_a_terminal_still_gives_one(ecirun, pod_file):
    assert ecirun("run", "-q", "-t", pod_file(), "--", "tty") == (0, "/dev/pts/0\n", "")


def test_output_that_cannot_be_written_is_no_success(pod_file, tmp_path):
    """A disk that is full, as a file system of one page has it."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", place], check=True)
    try:
        with (place / "output").open("wb") as output:
            done = subprocess.run(
                [*PROGRAM, "run", "-q", pod_file(), "--", "sh", "-c", "head -c 100000 /dev/zero; echo code $? >&2"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.PIPE,
            )
    finally:
        subprocess.run(["umount", place], check=True)
    said = b"ecirun: error: Can't write the workload's output: No space left on device\n    hint: send it somewhere else\n"
    assert (done.returncode, done.stderr) == (125, b"code 141\n" + said)


def test_standard_input_from_a_file_and_output_to_one_arrive_whole(pod_file, tmp_path):
    data = os.urandom(300_000)
    (tmp_path / "input").write_bytes(data)
    with (tmp_path / "input").open("rb") as input, (tmp_path / "output").open("wb") as output:
        done = subprocess.run([*PROGRAM, "run", "-q", "-i", pod_file(), "--", "cat"], stdin=input, stdout=output)
    assert (done.returncode, (tmp_path / "output").read_bytes() == data) == (0, True)


def test_a_workload_that_reads_no_further_ends_all_the_same(pod_file):
    with open("/proc/self/exe", "rb") as input:
        done = subprocess.run(
            [*PROGRAM, "run", "-q", "-i", pod_file(), "--", "head", "-c", "4"], stdin=input, stdout=subprocess.PIPE
        )
    assert (done.returncode, done.stdout) == (0, b"\x7fELF")


def test_without_t_the_workload_has_no_terminal(pod_file):
    """As in Kubernetes and docker; and it cannot read what is typed there."""
    code, shown, _before = in_terminal("run", "-q", pod_file(), "--", "sh", "-c", "tty <&1; test -p /dev/stderr && echo pipe")
    assert (code, shown) == (0, b"not a tty\r\npipe\r\n")
