"""How far a load is: a bar on a terminal, lines in a log, nothing with -q."""

from __future__ import annotations

import os
import pty
import re
import subprocess

import pytest
from archives import docker_archive, file, layer
from running import PROGRAM

from ecirun.cli.transfer_progress import ShownProgress, clock, megabytes

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture
def archive(tmp_path):
    return docker_archive(tmp_path / "a.tar", layer(file("f", os.urandom(3 << 20))), layer(file("g")))


def on_terminal(*arguments: str, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    """The exit code of ecirun, what it writes to stdout, and what to a terminal as its stderr."""
    main, other = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", **(env or {})}
    with subprocess.Popen([*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=other, text=True, env=environment) as process:
        os.close(other)
        said = b""
        while True:
            try:
                said += os.read(main, 65536)
            except OSError:  # the other end is closed
                break
        stdout = process.stdout.read()
    os.close(main)
    return process.returncode, stdout, said.decode()


BAR = r"\recirun: {title}  \[[#-]+\]  [0-9.]+/{total} MB  [0-9.]+ MB/s(  \d+:\d\d left)?\x1b\[K"
UNPACKED = "ecirun: unpacked docker.io/library/test:latest: 2 layers, 3.1 MB"


def test_a_terminal_shows_bars_and_then_what_was_done(archive, store):
    code, stdout, said = on_terminal("image", "load", "--store", store, archive)
    assert (code, bool(re.fullmatch(r"docker.io/library/test:latest sha256:[0-9a-f]{64}\n", stdout))) == (0, True)
    for title in ("copying layer 1 of 2", "unpacking layer 1 of 2"):
        assert re.search(BAR.format(title=title, total=r"3\.2"), said), said
    assert said.endswith(f"\r\x1b[K{UNPACKED}\r\n")


def test_a_log_has_whole_lines_only(archive, store, ecirun):
    lines = ecirun("image", "load", "--store", store, archive).stderr.splitlines()
    assert lines[-1] == UNPACKED
    assert [line for line in lines if not re.match("ecirun: (copying|unpacking) layer [12] of 2: |" + UNPACKED, line)] == []


def test_loading_again_says_that_it_was_there(archive, store, ecirun):
    ecirun("image", "load", "--store", store, archive)
    lines = ecirun("image", "load", "--store", store, archive).stderr.splitlines()
    assert lines[-1] == "ecirun: had already docker.io/library/test:latest: 2 layers, 3.1 MB"


def test_a_dumb_terminal_is_a_log(archive, store):
    said = on_terminal("image", "load", "--store", store, archive, env={"TERM": "dumb"})[2]
    assert ("[#" in said, "\x1b" in said, said.endswith(UNPACKED + "\r\n")) == (False, False, True)


def test_quiet_says_nothing(archive, store):
    assert on_terminal("image", "load", "-q", "--store", store, archive)[2] == ""


def test_an_error_begins_on_a_clean_line(tmp_path, store):
    archive = docker_archive(tmp_path / "a.tar", layer(file("a"))[:600])
    code, _stdout, said = on_terminal("image", "load", "--store", store, archive)
    assert (code, bool(re.search(r"\r\x1b\[Kecirun: error: Can't load ", said))) == (125, True), said


def test_a_long_task_shows_in_a_log_that_it_lives(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with ShownProgress(quiet=False).task("pulling it", 100_000_000) as at:
        for second in range(1, 26):
            now[0] = float(second)
            at(second * 4_000_000)
    assert capsys.readouterr().err.splitlines() == [
        "ecirun: pulling it: 40.0/100.0 MB  4.0 MB/s  0:15 left",
        "ecirun: pulling it: 80.0/100.0 MB  4.0 MB/s  0:05 left",
        "ecirun: pulling it: 100.0 MB in 25.0 s (4.0 MB/s)",
    ]


def test_times_and_sizes_are_short():
    assert [clock(seconds) for seconds in (0, 59.9, 61, 3600)] == ["0:00", "0:59", "1:01", "60:00"]
    assert [megabytes(count) for count in (0, 49_999, 1_250_000)] == ["0.0", "0.0", "1.2"]
