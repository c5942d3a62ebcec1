"""Calls that nobody plans for: odd arguments, streams of every size and kind, options at their limits, no root, no store."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
from running import PROGRAM

pytestmark = pytest.mark.sandbox


@pytest.fixture
def run(pod_file):
    """Runs the command in a pod; the words may be bytes."""

    def call(*command: str | bytes, options: tuple[str, ...] = ("-q",), **streams) -> subprocess.CompletedProcess[bytes]:
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
        return subprocess.run([*PROGRAM, "run", *options, pod_file(), "--", *command], timeout=30, **streams)

    return call


# --- arguments -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        [""],
        ["", "", ""],
        ["a\nb", "\n", "\t"],
        [b"\xff\xfe", b"caf\xe9"],
        ["☃", "ä"],
        ["--", "-c", "--help"],
        ["$(HOME)", "`id`", "*", "~", "'", '"', "\\"],
        ["x" * 100_000],
        ["w"] * 2000,
    ],
    ids=["empty", "three empty", "control characters", "no UTF-8", "UTF-8", "dashes", "shell", "100 KB", "2000 words"],
)
def test_every_word_arrives_as_it_is(run, words):
    done = run("printf", "%s\\000", *words)
    expected = b"".join((word if isinstance(word, bytes) else word.encode()) + b"\0" for word in words)
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, b"")


@pytest.mark.parametrize("options", [("-q",), ("--dry-run",), ("-v",)])
def test_a_long_command_with_every_option_that_shows_it(run, options):
    done = run("sh", "-c", "echo ${#1}", "x", "y" * 100_000, options=options)
    run("true")  # cleans up, should the supervisor have died
    assert done.returncode == 0
    assert (b"100000\n" in done.stdout) == (options != ("--dry-run",))


def test_a_program_with_a_name_without_end_is_not_found(run):
    done = run("/" + "x" * 100_000)
    run("true")
    assert (done.returncode, done.stdout) == (126, b"")
    assert done.stderr.startswith(b"ecirun: error: Can't run \"/xxx")


# --- streams ---------------------------------------------------------------------------------------------------------------


def test_a_lot_of_bytes_of_every_value_in_and_out(run):
    data = bytes(range(256)) * 40_000
    done = run("cat", options=("-q", "-i"), stdin=None, input=data)
    assert (done.returncode, done.stdout == data) == (0, True)


def test_output_without_a_line_feed_and_on_both_streams(run):
    done = run("sh", "-c", "printf out; printf err >&2")
    assert (done.stdout, done.stderr) == (b"out", b"err")


def test_a_reader_that_goes_ends_the_writer(run):
    """Process 1 is not killed by SIGPIPE, as in every container; its children are."""
    reader, writer = os.pipe()
    os.close(reader)
    done = run("sh", "-c", "sh -c 'echo x; echo survived >&2'; echo code $? >&2", stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, b"code 141")
    assert b"survived" not in done.stderr


def test_a_full_device(run):
    with Path("/dev/full").open("wb") as full:
        done = run("sh", "-c", "echo x; echo code $? >&2", stdout=full)
    assert done.stderr == b"sh: write error: No space left on device\ncode 1\n"


def test_output_to_a_socket_and_to_a_file(run, tmp_path):
    import socket

    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert run("echo", "socket", stdout=theirs.fileno()).returncode == 0
        assert ours.recv(100) == b"socket\n"
    with (tmp_path / "file").open("ab") as file:
        file.write(b"before\n")
        file.flush()
        run("echo", "after", stdout=file)
    assert (tmp_path / "file").read_bytes() == b"before\nafter\n"


def test_both_outputs_in_one_file_keep_their_order(run, tmp_path):
    with (tmp_path / "file").open("wb") as file:
        run("sh", "-c", "echo 1; echo 2 >&2; echo 3; echo 4 >&2", stdout=file, stderr=subprocess.STDOUT)
    assert (tmp_path / "file").read_bytes() == b"1\n2\n3\n4\n"


@pytest.mark.parametrize("command", [("plan", "example:sysctl"), ("check", "example:sysctl"), ("policy",)])
def test_a_document_that_cannot_be_written(command):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*PROGRAM, *command], stdout=full, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (
        125,
        b"ecirun: error: Can't write the output: No space left on device\n    hint: send it somewhere else\n",
    )


# --- options ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("nan", "nan is not a number of seconds up to 1,000,000,000"),
        ("1e300", "1e+300 is not a number of seconds up to 1,000,000,000"),
        ("-1", "-1.0 is not in the range x>=0"),
    ],
)
def test_a_timeout_that_is_none(run, value, problem):
    done = run("true", options=("--timeout", value))
    assert (done.returncode, done.stderr.decode()) == (
        125,
        f"ecirun: error: Invalid value for '--timeout': {problem}\n    hint: see `ecirun run --help`\n",
    )


@pytest.mark.parametrize("value", ["0", "1000000000", "0.5e3"])
def test_a_timeout_that_does_not_come(run, value):
    assert run("echo", "done", options=("--timeout", value)).stdout == b"done\n"


@pytest.mark.parametrize("name", ["../x", ".network", "a\nb"])
def test_a_name_that_would_lead_out_of_the_state_folder(run, name):
    done = run("true", options=("--name", name))
    assert (done.returncode, done.stdout) == (125, b"")
    assert done.stderr.decode().startswith(f"ecirun: error: Can't name the pod {name!r}: a name has lower case letters")


def test_a_status_file_by_the_name_of_a_stream_leaves_the_name_as_it_is(run, tmp_path):
    """/dev/stdout is a link that every program of the machine uses, also where it leads to a plain file."""
    with (tmp_path / "output").open("wb") as file:
        assert run("echo", "said", options=("--status-file", "/dev/stdout"), stdout=file).returncode == 0
    assert os.readlink("/dev/stdout") == "/proc/self/fd/1"
    said, status = (tmp_path / "output").read_text().splitlines()
    assert (said, json.loads(status)["exit_code"]) == ("said", 0)


def test_a_status_file_through_a_link_of_the_users(run, tmp_path):
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real").write_text("old " * 100)
    run("sh", "-c", "exit 3", options=("--status-file", str(tmp_path / "link")))
    assert (tmp_path / "link").is_symlink()
    assert json.loads((tmp_path / "real").read_text())["exit_code"] == 3


def test_a_status_file_that_is_a_pipe(run, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    run("true", options=("--status-file", str(fifo)))
    assert json.loads(os.read(reader, 4096))["phase"] == "exited"
    os.close(reader)
    assert stat.S_ISFIFO(fifo.stat().st_mode)


# --- no root, no store -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(
    subprocess.run(["unshare", "-U", "true"], capture_output=True).returncode != 0, reason="no user namespaces can be made here"
)
@pytest.mark.parametrize("output", ["text", "json"])
def test_a_plan_needs_neither_root_nor_a_store(pod_file, tmp_path, output):
    """In a user namespace without a mapping this process is nobody, without any privilege."""
    file = pod_file(pod='securityContext: {runAsUser: 5, sysctls: [{name: net.core.somaxconn, value: "9"}]}')
    store = tmp_path / "no" / "store"
    done = subprocess.run(
        ["unshare", "-U", *PROGRAM, "plan", "--store", str(store), "-o", output, file], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not store.exists()
    if output == "json":
        plan = json.loads(done.stdout)
        assert plan["sysctls"][0]["scope"] == "unknown"
        assert plan["containers"][0]["user"]["uid"] == 5
        assert plan["containers"][0]["assumptions"] != []
    else:
        assert "net.core.somaxconn = 9  unknown  this kernel was not probed" in done.stdout


def test_the_shape_of_a_plan_is_the_same_for_every_pod(ecirun, pod_file):
    """Keys of the JSON document, which others read: a new one is an addition, and one that goes is a new schema_version."""
    plan = json.loads(ecirun("plan", "-o", "json", "example:non-root").stdout)
    assert plan["schema_version"] == 1
    assert set(plan) >= set(
        "schema_version policy name namespace hostname kind file network sysctls volumes files containers warnings".split()
    )
    container = plan["containers"][0]
    assert set(container) >= set(
        "name image image_digest user group supplementary_groups capabilities capabilities_origin no_new_privs root mounts "
        "no_new_privs_origin devices masked_paths read_only_paths command umask stop_signal assumptions notes".split()
    )
    assert set(container["capabilities"]) == {"bounding", "permitted", "effective", "inheritable", "ambient"}
    assert set(container["capabilities"]["bounding"]) == {"names", "mask"}
    assert set(container["user"]) == {"uid", "name", "origin"}
    assert set(container["command"]) >= {"argv", "origin", "env", "cwd", "terminal"}
    other = json.loads(ecirun("plan", "-o", "json", pod_file()).stdout)
    assert set(other) == set(plan)
    assert set(other["containers"][0]) == set(container)


# --- the limits of whoever calls -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kilobytes", ["300", "unlimited"])
def test_a_stack_of_any_size_will_do(pod_file, kilobytes):
    command = [*PROGRAM, "run", "-q", pod_file(), "--", "sh", "-c", "ulimit -s"]
    done = subprocess.run(
        ["bash", "-c", f'ulimit -s {kilobytes} && exec "$@"', "bash", *command], capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{kilobytes}\n", "")
