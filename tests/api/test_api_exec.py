"""Executing programs in a pod: their streams, their time, their end, and what keeps them from running."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import ecirun

pytestmark = pytest.mark.sandbox

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "test"},
    "spec": {
        "restartPolicy": "Never",
        "containers": [
            {
                "name": "one",
                "image": "busybox",
                "command": ["sleep", "infinity"],
                "workingDir": "/tmp",
                "env": [{"name": "A", "value": "1"}],
            },
            {
                "name": "two",
                "image": "busybox",
                "command": ["sleep", "infinity"],
                "securityContext": {"runAsUser": 1000, "runAsGroup": 2000},
            },
            {"name": "short", "image": "busybox", "command": ["true"]},
        ],
    },
}


@pytest.fixture(scope="module")
def pod(launcher_of_the_module) -> Iterator[ecirun.RunningPod]:
    with ecirun.run(POD) as running:
        running.exec(["true"])  # whatever is made on first use is made
        yield running


def refused(call) -> ecirun.EcirunError:
    with pytest.raises(ecirun.EcirunError) as caught:
        call()
    return caught.value


def runs(pod: ecirun.RunningPod, words: str) -> bool:
    """Whether a program with these words runs in the pod's first container; zombies, which nobody reaps there, do not count."""
    lines = pod.exec(["ps", "-o", "args"]).check().stdout.splitlines()
    return any(words in line for line in lines if not line.startswith("["))


def test_a_result_has_both_streams_the_code_and_the_time(pod):
    result = pod.exec(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert result[:4] == (("sh", "-c", "echo out; echo err >&2; exit 3"), 3, "out\n", "err\n")
    assert isinstance(result, ecirun.Result)
    assert 0 < result.elapsed < 60
    assert pod.last_exec is result


@pytest.mark.parametrize(
    ("script", "code"), [("true", 0), ("exit 7", 7), ("exit 255", 255), ("kill -9 $$", 137), ("kill $$", 143)]
)
def test_exit_codes_are_those_of_a_shell(pod, script, code):
    result = pod.exec(["sh", "-c", script])
    assert (result.exit_code, bool(result)) == (code, code == 0)


def test_a_result_that_must_succeed(pod):
    assert pod.exec(["echo", "fine"]).check().stdout == "fine\n"
    error = refused(pod.exec(["sh", "-c", "echo out; echo err >&2; exit 3"]).check)
    assert type(error) is ecirun.ExecFailed
    assert error.result.exit_code == 3
    assert str(error) == ("`sh -c 'echo out; echo err >&2; exit 3'` ended with 3\n  stdout:\n    out\n  stderr:\n    err")


def test_a_failure_shows_the_end_of_long_output(pod):
    error = refused(pod.exec(["sh", "-c", "seq 10000; exit 1"]).check)
    text = str(error)
    assert "  stdout:\n    … 46894 characters …\n" in text
    assert text.endswith("    9999\n    10000\n  stderr:\n    (none)")


def test_standard_input_is_what_is_given_or_empty(pod):
    assert pod.exec(["cat"]).stdout == ""
    assert pod.exec(["cat"], input="").stdout == ""
    assert pod.exec(["cat"], input="grüße\n").stdout == "grüße\n"
    assert pod.exec(["cat"], input=b"\xff\x00", text=False).stdout == b"\xff\x00"


def test_streams_are_text_or_bytes(pod):
    script = r"printf 'a\377b\303\251\r\n'"
    assert pod.exec(["sh", "-c", script]).stdout == "a\ufffdb\u00e9\r\n"
    assert pod.exec(["sh", "-c", script], text=False).stdout == b"a\xffb\xc3\xa9\r\n"


def test_large_streams_go_both_ways_at_once(pod):
    data = os.urandom(4_000_000)
    result = pod.exec(["sh", "-c", "tee /dev/stderr"], input=data, text=False)
    assert (len(result.stdout), result.stdout == data, result.stderr == data) == (len(data), True, True)


def test_a_program_need_not_read_its_input(pod):
    assert pod.exec(["echo", "done"], input="x" * 1_000_000)[1:4] == (0, "done\n", "")
    assert pod.exec(["head", "-c", "3"], input="x" * 1_000_000)[1:4] == (0, "xxx", "")


def test_a_program_that_closes_its_streams_still_runs(pod):
    assert pod.exec(["sh", "-c", "exec >&- 2>&- <&-; sleep 0.1; exit 4"], input="x").exit_code == 4


def test_what_a_program_leaves_running_is_not_waited_for(pod):
    result = pod.exec(["sh", "-c", "sleep 98765 & echo done"])
    assert result[1:4] == (0, "done\n", "")
    assert runs(pod, "sleep 98765")
    pod.exec(["killall", "sleep"]).check()  # PID 1 is another one's child and ignores it


def test_what_a_program_leaves_writing_is_not_read_for_ever(pod):
    result = pod.exec(["sh", "-c", "yes & echo done >&2"])
    assert (result.exit_code, result.stderr) == (0, "done\n")
    # Nobody reads it any more, so it has ended.
    assert eventually(lambda: not runs(pod, "yes"))


def test_time_runs_out(pod):
    script = "trap '' TERM; echo out; echo err >&2; sleep 98765; true"
    error = refused(lambda: pod.exec(["sh", "-c", script], timeout=0.3))
    assert type(error) is ecirun.ExecTimeout
    assert (error.argv, error.timeout, error.stdout, error.stderr) == (("sh", "-c", script), 0.3, "out\n", "err\n")
    assert str(error) == (
        f"`sh -c '{script.replace(chr(39), chr(39) + chr(34) + chr(39) + chr(34) + chr(39))}'` was not done after 0.3 s "
        "and was killed\n  stdout:\n    out\n  stderr:\n    err"
    )
    assert pod.last_exec[:4] == (("sh", "-c", script), 137, "out\n", "err\n")
    # It is gone, and so is what it had started.
    assert eventually(lambda: not runs(pod, "98765"))


def test_time_runs_out_for_bytes_too(pod):
    error = refused(lambda: pod.exec(["sh", "-c", r"printf '\377'; sleep 98765"], timeout=0.2, text=False))
    assert (error.stdout, error.stderr) == (b"\xff", b"")


def test_time_runs_out_for_one_that_never_stops_writing(pod):
    error = refused(lambda: pod.exec(["yes"], timeout=0.1))
    assert error.stdout.startswith("y\ny\n")


def test_time_runs_out_for_one_that_does_not_read(pod):
    assert type(refused(lambda: pod.exec(["sleep", "98765"], input="x" * 1_000_000, timeout=0.2))) is ecirun.ExecTimeout


def test_time_that_does_not_run_out(pod):
    assert pod.exec(["echo", "in time"], timeout=60).stdout == "in time\n"


def test_the_environment_is_added_to_the_container_s(pod):
    assert pod.exec(["sh", "-c", "echo $A $B"], env={"B": "2"}).stdout == "1 2\n"
    assert pod.exec(["sh", "-c", "echo $A"], env={"A": "3"}).stdout == "3\n"
    assert pod.exec(["sh", "-c", "echo $A"]).stdout == "1\n"


def test_the_path_of_the_environment_is_where_the_program_is_looked_for(pod):
    error = refused(lambda: pod.exec(["true"], env={"PATH": "/nope"}))
    assert (type(error), error.message) == (ecirun.CommandNotFound, 'Can\'t run "true": not found in PATH=/nope')


@pytest.mark.parametrize(("cwd", "shown"), [(None, "/tmp"), ("/etc", "/etc"), ("..", "/"), (Path("/bin"), "/bin")])
def test_the_working_directory(pod, cwd, shown):
    assert pod.exec(["pwd"], cwd=cwd).stdout == shown + "\n"


def test_a_working_directory_that_cannot_be_entered(pod):
    error = refused(lambda: pod.exec(["pwd"], cwd="/nope"))
    assert type(error) is ecirun.LaunchFailed
    assert error.message == "Can't enter working directory /nope: No such file or directory"


def test_it_runs_as_the_container_s_user_in_the_container_that_is_named(pod):
    assert pod.exec(["id", "-u"]).stdout == "0\n"
    assert pod.exec(["id", "-u"], container="two").stdout == "1000\n"
    assert pod.exec(["id", "-g"], container="two").stdout == "2000\n"


def test_a_container_that_there_is_not(pod):
    error = refused(lambda: pod.exec(["true"], container="three"))
    assert type(error) is ecirun.UsageError
    assert error.message == f'Can\'t find container "three" in pod "{pod.name}"'
    assert error.hint == "choose one of: one, two, short"


def test_a_container_that_has_ended(pod):
    error = refused(lambda: pod.exec(["true"], container="short"))
    assert type(error) is ecirun.NotRunning
    assert error.message == 'Can\'t execute in container "short": it is not running'


def test_a_program_that_is_not_there(pod):
    error = refused(lambda: pod.exec(["nope"]))
    assert (type(error), error.exit_code) == (ecirun.CommandNotFound, 127)
    assert error.message == 'Can\'t run "nope": not found in PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'


@pytest.mark.parametrize(
    ("program", "why"), [("/etc/hosts", "Permission denied"), ("/tmp", "Is a directory"), ("/dev/null", "not a regular file")]
)
def test_a_program_that_cannot_run(pod, program, why):
    error = refused(lambda: pod.exec([program]))
    assert (type(error), error.exit_code) == (ecirun.CommandNotExecutable, 126)
    assert error.message == f'Can\'t run "{program}": {why}'


def test_long_commands_arrive_whole_or_are_refused(pod):
    word = "x" * 100_000
    assert pod.exec(["sh", "-c", "echo ${#1} ${#A}", "sh", word], env={"A": word}).stdout == "100000 100000\n"
    error = refused(lambda: pod.exec(["true", "x" * 200_000]))
    assert (type(error), error.message) == (ecirun.CommandNotExecutable, 'Can\'t run "true": Argument list too long')
    assert pod.exec(["echo", "still there"]).stdout == "still there\n"


def test_words_that_are_no_utf_8_arrive_as_they_are(pod):
    assert pod.exec(["printf", "%s", os.fsdecode(b"\xff\xfe")], text=False).stdout == b"\xff\xfe"


def test_paths_are_words(pod):
    assert pod.exec([Path("/bin/echo"), Path("/a")]).stdout == "/a\n"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"argv": "ls -l"}, TypeError("argv must be a list of words such as ['sh', '-c', 'true'], not one str")),
        ({"argv": []}, ValueError("argv has no words")),
        ({"argv": ["a\0"]}, ValueError("argv has a NUL in 'a\\x00'")),
        ({"argv": ["sleep", 1]}, TypeError("expected str, bytes or os.PathLike object, not int")),
        ({"argv": ["true"], "env": {"A": 1}}, TypeError("env must map str to str, and has 'A': 1")),
        ({"argv": ["true"], "env": {"A=B": "1"}}, ValueError("env has 'A=B': '1', which can be no variable")),
        ({"argv": ["true"], "cwd": "/\0"}, ValueError("cwd has a NUL in '/\\x00'")),
    ],
)
def test_what_cannot_be_executed_is_refused_before_it_is_on_its_way(pod, options, error):
    with pytest.raises(type(error)) as caught:
        pod.exec(**options)
    assert str(caught.value) == str(error)


def test_talking_with_a_program_while_it_runs(pod):
    script = "while read line; do echo got $line; done; exit 5"
    with pod.exec_stream(["sh", "-c", script], stdin=True) as program:
        for word in (b"one", b"two"):
            program.stdin.write(word + b"\n")
            assert program.stdout.readline() == b"got " + word + b"\n"
        program.stdin.close()
        assert program.wait(timeout=60) == 5


def test_a_stream_without_input_has_none(pod):
    with pod.exec_stream(["cat"]) as program:
        assert (program.stdin, program.wait()) == (None, 0)


def test_the_end_of_a_stream_s_block_kills_the_program_and_what_it_started(pod):
    with pod.exec_stream(["sh", "-c", "sleep 98765 & sleep 98765 & echo ready; wait"]) as program:
        assert program.stdout.readline() == b"ready\n"
    assert eventually(lambda: not runs(pod, "98765"))


def test_a_program_can_be_sent_a_signal(pod):
    with pod.exec_stream(["sh", "-c", "trap 'exit 6' USR1; echo ready; while :; do sleep 0.01; done"]) as program:
        program.stdout.readline()
        program.kill(signal.SIGUSR1)
        assert program.wait(timeout=60) == 6
        program.kill()  # it is gone, which is no error


def test_waiting_for_a_stream_may_take_too_long(pod):
    with pod.exec_stream(["sleep", "98765"]) as program:
        with pytest.raises(TimeoutError, match=r"^sleep has not ended after 0\.1 s$"):
            program.wait(timeout=0.1)
        program.end()
        assert program.wait() == 137


def test_that_a_stream_s_program_could_not_start_is_said_by_wait(pod):
    with pod.exec_stream(["nope"]) as program:
        assert type(refused(program.wait)) is ecirun.CommandNotFound


def test_a_closed_pod_executes_nothing(launcher_of_the_module):
    with ecirun.run(ecirun.pod()) as pod:
        pass
    for call in (lambda: pod.exec(["true"]), lambda: pod.exec_stream(["true"])):
        error = refused(call)
        assert type(error) is ecirun.NotRunning
        assert str(error) == (
            f'Can\'t execute in pod "{pod.name}": it was closed\n    hint: do it before the end of its `with` block'
        )


def test_a_pod_that_has_ended_executes_nothing(launcher_of_the_module):
    with ecirun.run(ecirun.pod(), command=["true"]) as pod:
        pod.wait()
        error = refused(lambda: pod.exec(["true"]))
        assert (type(error), error.message) == (ecirun.NotRunning, f'Can\'t execute in pod "{pod.name}": it has ended')


def test_a_program_ends_with_its_pod(launcher_of_the_module):
    with ecirun.run(ecirun.pod()) as pod:
        threading.Timer(0.1, pod.kill).start()
        assert pod.exec(["sleep", "98765"]).exit_code == 137


def test_more_descriptors_than_select_can_take(pod):
    null = os.open(os.devnull, os.O_RDONLY)
    many = [os.dup(null) for _ in range(1100)]
    try:
        assert pod.exec(["cat"], input="hello").stdout == "hello"
        assert pod.status()["phase"] == "Running"
    finally:
        for descriptor in (null, *many):
            os.close(descriptor)


def eventually(condition) -> bool:
    """Whether the condition holds within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False
