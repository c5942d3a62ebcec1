"""What a workload can do with the descriptors it has: the three standard streams, which are the caller's, and no other."""

from __future__ import annotations

import contextlib
import os
import pty
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from handmade import Images
from running import PROGRAM

pytestmark = pytest.mark.sandbox

THREE = "0\n1\n2\n3\n"  # 3 is the folder that `ls` reads


@pytest.fixture
def command(images: Images, pod_file: Callable[..., str]) -> Callable[..., list[str]]:
    """The command line that makes the calls of `syscalls` in a pod."""

    def build(*calls: str, options: tuple[str, ...] = (), **parts: str) -> list[str]:
        file = pod_file(image=images.add("descriptors"), **parts)
        return [
            *PROGRAM,
            "run",
            "-q",
            "--store",
            str(images.store),
            *options,
            file,
            "--",
            *(calls or ("ls", "-1", "/proc/self/fd")),
        ]

    return build


@contextlib.contextmanager
def fifty_open_folders() -> Iterator[list[int]]:
    """Descriptors of the host that a careless parent lets its children inherit."""
    opened = [os.open("/", os.O_RDONLY | os.O_DIRECTORY) for _ in range(50)]
    try:
        yield opened
    finally:
        for descriptor in opened:
            os.close(descriptor)


@pytest.mark.parametrize("options", [(), ("-i", "--network", "bridge"), ("--writable-root", "-v", "--timeout", "60")])
def test_inherited_descriptors_end_before_the_workload_begins(command, options):
    """CVE-2024-21626; runc create.bats: detect fd leak as comprehensively as possible"""
    with fifty_open_folders() as opened:
        done = subprocess.run(
            command(options=options), pass_fds=opened, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30
        )
    assert (done.returncode, done.stdout) == (0, THREE)


def test_a_folder_of_the_host_is_not_behind_any_number(command):
    calls = [f"openat={number},etc/hostname" for number in range(3, 64)]
    with fifty_open_folders() as opened:
        done = subprocess.run(
            command("syscalls", *calls), pass_fds=opened, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30
        )
    assert set(done.stdout.splitlines()) == {"openat: Bad file descriptor"}


def test_the_supervisor_and_the_launcher_hold_nothing_of_the_callers(command):
    """A pipe that somebody waits on for its end must not be kept open by a process that nobody sees."""
    reader, writer = os.pipe()
    with subprocess.Popen(
        command("sh", "-c", "echo ready; sleep 60"), pass_fds=[writer], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as client:
        os.close(writer)
        assert client.stdout.readline() == b"ready\n"
        os.set_blocking(reader, False)
        with pytest.raises(BlockingIOError):
            os.read(reader, 1)  # the client itself has it, which is what it was given it for
        client.kill()
        client.stdout.read()
        os.set_blocking(reader, True)
        assert os.read(reader, 1) == b""
    os.close(reader)


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (0, 1, 2)])
def test_a_closed_standard_stream_is_not_taken_by_something_else(command, closed):
    script = f'exec {" ".join(f"{number}<&-" for number in closed)}; exec "$@"'
    argv = command("sh", "-c", "echo out; echo err >&2; cat; exit 5", options=("-i",))
    done = subprocess.run(["sh", "-c", script, "sh", *argv], input="in\n", capture_output=True, text=True, timeout=30)
    assert done.returncode == 5
    assert done.stdout == ("" if 1 in closed else "out\n" if 0 in closed else "out\nin\n")
    assert done.stderr == ("" if 2 in closed else "err\n")


# --- what the streams themselves are ---------------------------------------------------------------------------------------


@pytest.fixture
def workload_with(command: Callable[..., list[str]]) -> Callable[..., int]:
    """Lets the workload change owner and mode of its standard output; returns its exit code."""

    def run(stdout: int, **parts: str) -> int:
        calls = command("sh", "-c", "syscalls fchmod=3,04755 fchown=3,7 3>&1 >&2; chmod 640 /proc/self/fd/1; exit 5", **parts)
        return subprocess.run(calls, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, timeout=30).returncode

    return run


def owner_and_mode(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_uid, status.st_mode


def test_the_file_that_output_goes_to_keeps_owner_and_mode(workload_with, tmp_path):
    """A set-uid root program on the host, written by an image: `ecirun run … >file`."""
    file = tmp_path / "output"
    file.touch(0o600)
    with file.open("wb") as stream:
        assert workload_with(stream.fileno()) == 5
    assert owner_and_mode(file) == (0, stat.S_IFREG | 0o600)


def test_a_null_device_that_output_goes_to_keeps_owner_and_mode(workload_with, tmp_path):
    """runc re-opens /dev/null inside (exec.bats: runc exec --user vs /dev/null ownership); this is a node of the test's own."""
    node = tmp_path / "null"
    os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    node.chmod(0o666)
    with node.open("wb") as stream:
        assert workload_with(stream.fileno()) == 5
    assert owner_and_mode(node) == (0, stat.S_IFCHR | 0o666)


def test_a_terminal_that_output_goes_to_keeps_owner_and_mode(workload_with):
    ours, theirs = pty.openpty()
    before = os.fstat(theirs)
    assert workload_with(theirs) == 5
    after = os.fstat(theirs)
    os.close(ours)
    os.close(theirs)
    assert (after.st_uid, after.st_mode) == (before.st_uid, before.st_mode)


def test_a_named_pipe_of_the_host_keeps_its_owner(command, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    descriptor = os.open(fifo, os.O_RDWR)
    argv = command("sh", "-c", "exit 5", container="securityContext: {runAsUser: 1000}")
    assert subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=descriptor, timeout=30).returncode == 5
    os.close(descriptor)
    assert owner_and_mode(fifo) == (0, stat.S_IFIFO | 0o600)


def test_a_pipe_becomes_the_workloads_so_that_it_can_open_it_again(command):
    argv = command(
        "sh", "-c", "echo again >/dev/stdout; echo error >/dev/stderr", container="securityContext: {runAsUser: 1000}"
    )
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "again\n", "error\n")


TYPE = ["sh", "-c", "syscalls tiocsctty=2 tiocsti=2,pwned; syscalls setsid tiocsctty=2 tiocsti=2,pwned"]


def test_nothing_can_be_typed_into_the_users_terminal(command):
    """CVE-2017-5226: the terminal is the controlling terminal of the user's session, as it is under every shell."""
    # A session of its own that holds the terminal, as a login shell does, and in it ecirun.
    holder = (
        "import fcntl, os, subprocess, sys, termios; os.setsid(); fcntl.ioctl(2, termios.TIOCSCTTY, 0); "
        "done = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=1); sys.exit(done.returncode)"
    )
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", holder, *command(*TYPE)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        timeout=30,
    )
    os.close(ours)
    os.close(theirs)
    said = done.stdout.decode().splitlines()
    assert [line for line in said if line.startswith("tiocsti")] == ["tiocsti: Inappropriate ioctl for device"] * 2


def test_nothing_can_be_typed_into_a_terminal_that_no_session_has(command):
    """A CI runner's pseudo-terminal: whoever reads it next gets what the workload typed."""
    ours, theirs = pty.openpty()
    done = subprocess.run(command(*TYPE), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs, timeout=30)
    os.close(ours)
    os.close(theirs)
    said = done.stdout.decode().splitlines()
    assert [line for line in said if line == "tiocsti: ok"] == []


# --- the same, for a program that is executed in a running container ----------------------------------------------------------


def test_an_executed_program_changes_neither_owner_nor_mode_of_what_it_is_given(workload_with, command, tmp_path):
    """The null device that stands for an input is one of the host's, too."""
    node, file = tmp_path / "null", tmp_path / "output"
    os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    node.chmod(0o666)
    file.touch(0o600)
    before = os.stat("/dev/null")
    name = "lends-nothing"
    subprocess.run(command("sleep", "60", options=("-d", "--name", name)), stdout=subprocess.DEVNULL, check=True, timeout=30)
    try:
        calls = "for n in 0 1 2; do chmod 640 /proc/self/fd/$n; chown 7 /proc/self/fd/$n; done; exit 5"
        with node.open("r+b", buffering=0) as null, file.open("r+b") as stream:
            for given in ((), ("-i",)):
                argv = [*PROGRAM, "exec", *given, name, "--", "sh", "-c", calls]
                assert subprocess.run(argv, stdin=null, stdout=stream, stderr=null, timeout=30).returncode == 5
    finally:
        subprocess.run([*PROGRAM, "rm", "-f", name], stdout=subprocess.DEVNULL, check=True, timeout=30)
    assert owner_and_mode(node) == (0, stat.S_IFCHR | 0o666)
    assert owner_and_mode(file) == (0, stat.S_IFREG | 0o600)
    assert os.stat("/dev/null") == before


def test_the_users_keys_are_not_read_from_the_terminal_that_output_goes_to(command):
    ours, theirs = pty.openpty()
    os.write(ours, b"secret\n")
    argv = command("sh", "-c", "head -n 1 <&1; head -n 1 <&2; exit 5")
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, timeout=30)
    shown = os.read(ours, 4096)
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 5
    assert shown.count(b"secret") == 1  # the echo of what was typed
