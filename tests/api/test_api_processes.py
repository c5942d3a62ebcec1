"""Threads, forked workers and the ends of programs: what runs ends with who runs it, and with nobody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from host import host_snapshot

import ecirun
from ecirun.api import launchers

pytestmark = [
    pytest.mark.sandbox,
    # Newer Pythons warn of every fork of a process with threads.
    pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning"),
]

THREADS = 8


class Program:
    """A Python program that runs pods; it says `ready` when it has what it is tested for."""

    def __init__(self, script: str, *, file: Path | None = None) -> None:
        script = "import os, signal, sys, threading, time\nimport ecirun\n" + script
        command = [sys.executable, "-c", script]
        if file is not None:
            file.write_text(script)
            command = [sys.executable, str(file)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> tuple[int, str, str]:
        stdout, stderr = self.process.communicate(timeout=60)
        return self.process.returncode, stdout, stderr


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Whoever has run pods, this process or another, leaves this host as it was."""
    launchers._close_all()
    before = _looked_at()
    yield
    launchers._close_all()
    assert eventually(lambda: _looked_at() == before), (_looked_at(), before)


def _looked_at() -> dict[str, object]:
    seen = host_snapshot()
    return {name: seen[name] for name in ("mounts", "interfaces", "state")} | {"processes": _processes()}


def _processes() -> list[str]:
    found = []
    for entry in filter(str.isdecimal, os.listdir("/proc")):
        try:
            title = Path(f"/proc/{entry}/cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if title.startswith("ecirun-"):
            found.append(f"{entry} {title}")
    return found


def eventually(condition: Callable[[], object]) -> bool:
    """Whether the condition holds within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def is_there(name: str) -> bool:
    return os.path.exists(f"/run/ecirun/{name}")


def hostname_of_a_pod_of_my_own(number: int) -> str:
    with ecirun.run(ecirun.pod(name=f"pod-{number}")) as pod:
        output = pod.exec(["hostname"]).stdout
        assert isinstance(output, str)
        return output


def test_many_threads_run_pods_at_once():
    with ThreadPoolExecutor(THREADS) as threads:
        names = list(threads.map(hostname_of_a_pod_of_my_own, range(24)))
    assert names == [f"pod-{number}\n" for number in range(24)]


def test_many_threads_use_one_pod_at_once():
    with ecirun.run(ecirun.pod()) as pod, ThreadPoolExecutor(THREADS) as threads:

        def work(number: int) -> tuple[str, int, str]:
            data = f"{number} " * 20_000
            same = pod.exec(["cat"], input=data).stdout == data
            code = pod.exec(["sh", "-c", f"exit {number}"]).exit_code
            return str(same), code, pod.status()["phase"]

        assert list(threads.map(work, range(40))) == [("True", number, "Running") for number in range(40)]


def test_many_threads_wait_for_one_pod():
    with ecirun.run(ecirun.pod(), command=["sh", "-c", "sleep 0.2; exit 3"]) as pod, ThreadPoolExecutor(THREADS) as threads:
        assert list(threads.map(lambda _number: pod.wait(), range(THREADS))) == [3] * THREADS


def test_a_forked_worker_runs_pods_of_its_own():
    with ecirun.run(ecirun.pod(name="parent")) as pod:
        read_end, write_end = os.pipe()
        worker = os.fork()
        if worker == 0:
            try:
                os.write(write_end, hostname_of_a_pod_of_my_own(1).encode())
            finally:
                os._exit(0)
        os.close(write_end)
        with os.fdopen(read_end, "rb") as answer:
            assert answer.read() == b"pod-1\n"
        os.waitpid(worker, 0)
        assert pod.exec(["hostname"]).stdout == "parent\n"


def test_a_forked_worker_has_no_hold_on_its_parent_s_pod():
    with ecirun.run(ecirun.pod()) as pod:
        read_end, write_end = os.pipe()
        worker = os.fork()
        if worker == 0:
            try:
                pod.exec(["true"])
            except ecirun.NotRunning as error:
                with ecirun.attach(pod.name) as same:
                    os.write(write_end, f"{error}\n{same.exec(['hostname']).stdout}".encode())
            finally:
                pod.close()
                os._exit(0)
        os.close(write_end)
        with os.fdopen(read_end, "rb") as answer:
            assert answer.read().decode() == (
                f'Can\'t execute in pod "{pod.name}": it belongs to the process that this one was forked from\n'
                f'    hint: use ecirun.attach("{pod.name}") here\npod\n'
            )
        os.waitpid(worker, 0)
        assert pod.exec(["true"])


WORKERS = """
import multiprocessing

def work(number):
    with ecirun.run(ecirun.pod(name=f"pod-{number}")) as pod:
        pod.exec(["sh", "-c", f"hostname; exit {number % 2 * 3}"]).check()
        return pod.exec(["hostname"]).stdout

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[0].rpartition("/")[2].removesuffix(".py"))
    with ecirun.run(ecirun.pod()) as pod, context.Pool(2) as pool:
        print(pool.map(work, [0, 2, 4, 6]))
        try:
            pool.apply(work, [1])
        except ecirun.ExecFailed as error:
            print(type(error).__name__, error.result[1:4])
        pool.close()
        pool.join()
        print(bool(pod.exec(["true"])))
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing_run_pods_and_their_errors_come_back(tmp_path, method):
    program = Program(WORKERS, file=tmp_path / f"{method}.py")
    answers = "['pod-0\\n', 'pod-2\\n', 'pod-4\\n', 'pod-6\\n']\nExecFailed (3, 'pod-1\\n', '')\nTrue\n"
    assert program.end() == (0, answers, "")


def test_a_fork_while_threads_are_at_work_takes_nothing_from_them():
    stop = threading.Event()

    def work() -> None:
        with ecirun.run(ecirun.pod()) as pod:
            while not stop.is_set():
                assert pod.exec(["cat"], input="hello", timeout=30).stdout == "hello"

    with ThreadPoolExecutor(4) as threads:
        working = [threads.submit(work) for _ in range(4)]
        children = []
        for _ in range(20):
            child = os.fork()
            if child == 0:
                # It has no copy of a pipe that somebody waits for the end of.
                time.sleep(3600)
                os._exit(0)
            children.append(child)
            time.sleep(0.01)
        stop.set()
        for one in working:
            one.result(timeout=60)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("pass", 0),
        ("sys.exit(3)", 3),
        ("raise ValueError", 1),
        ("os._exit(4)", 4),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("os.kill(os.getpid(), signal.SIGINT)", -signal.SIGINT),
    ],
)
def test_a_program_that_ends_leaves_no_pod_behind(ending, code):
    program = Program(f"pod = ecirun.run(ecirun.pod())\nprint(pod.name, flush=True)\n{ending}\n")
    name = program.said()
    assert program.end()[0] == code
    # Whoever comes to its end properly has waited for that of its pods.
    assert eventually(lambda: not is_there(name)) if code < 0 or code == 4 else not is_there(name)


def test_a_program_that_is_killed_in_the_middle_of_a_launch_leaves_no_pod_behind():
    init = "{'name': 'first', 'image': 'busybox', 'command': ['sleep', 'infinity']}"
    script = f"pod = ecirun.pod()\npod['spec']['initContainers'] = [{init}]\necirun.run(pod, name='never')\n"
    program = Program(script)
    assert eventually(lambda: is_there("never"))
    program.process.kill()
    program.end()
    assert eventually(lambda: not is_there("never"))


def test_a_program_that_is_interrupted_in_the_middle_of_an_exec():
    script = (
        "with ecirun.run(ecirun.pod()) as pod:\n"
        "    print(pod.name, flush=True)\n"
        "    try:\n"
        "        pod.exec(['sleep', 'infinity'])\n"
        "    except KeyboardInterrupt:\n"
        "        print(pod.exec(['echo', 'still here']).stdout)\n"
    )
    program = Program(script)
    name = program.said()
    assert eventually(lambda: "sleep" in _programs_in(name))
    program.process.send_signal(signal.SIGINT)
    assert program.end() == (0, "still here\n\n", "")


def _programs_in(name: str) -> str:
    with ecirun.attach(name) as pod:
        return str(pod.exec(["sh", "-c", "ps -o args | grep -v '^sleep infinity$'; ps -o args | sort | uniq -d"]).stdout)


def test_a_detached_pod_outlives_its_program():
    script = "pod = ecirun.run(ecirun.pod(), detach=True)\nprint(pod.name, flush=True)\n"
    program = Program(script)
    name = program.said()
    assert program.end()[0] == 0
    with ecirun.attach(name) as pod:
        assert pod.exec(["hostname"]).stdout == "pod\n"
        pod.stop(grace=0)
    _remove(name)


def test_a_pod_that_was_detached_outlives_its_program_which_does_not_wait_for_it():
    program = Program("pod = ecirun.run(ecirun.pod())\npod.detach()\nprint(pod.name, flush=True)\n")
    name = program.said()
    assert program.end() == (0, "", "")
    with ecirun.attach(name) as pod:
        assert pod.exec(["hostname"]).stdout == "pod\n"
        pod.stop(grace=0)
    _remove(name)


def _remove(name: str) -> None:
    from running import run_ecirun

    assert run_ecirun("rm", "-f", name).code == 0


def test_a_pod_ends_with_its_program_although_a_forked_child_lives_on():
    script = (
        "pod = ecirun.run(ecirun.pod())\n"
        "stream = pod.exec_stream(['cat'], stdin=True)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    time.sleep(3600)\n"
        "    os._exit(0)\n"
        "print(pod.name, child, flush=True)\n"
        "os._exit(0)\n"
    )
    program = Program(script)
    name, child = program.said().split()
    try:
        assert eventually(lambda: not is_there(name))
        assert os.path.exists(f"/proc/{child}")
    finally:
        os.kill(int(child), signal.SIGKILL)
        program.end()


def test_a_program_that_was_started_meanwhile_does_not_keep_a_pod():
    script = (
        "import subprocess\n"
        "pod = ecirun.run(ecirun.pod())\n"
        "child = subprocess.Popen(['sleep', '3600'], close_fds=False)\n"
        "print(pod.name, child.pid, flush=True)\n"
        "os._exit(0)\n"
    )
    program = Program(script)
    name, child = program.said().split()
    try:
        assert eventually(lambda: not is_there(name))
        assert os.path.exists(f"/proc/{child}")
    finally:
        os.kill(int(child), signal.SIGKILL)
        program.end()


def test_a_launch_forks_nothing_of_this_process():
    script = (
        "os.fork = os.forkpty = None\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "with ecirun.run(ecirun.pod(sysctls={'net.core.somaxconn': '1'})) as pod:\n"
        "    print(pod.exec(['hostname']).stdout, end='', flush=True)\n"
        "    os._exit(0)\n"
    )
    assert Program(script).end() == (0, "pod\n", "")
