"""scripts/ecirun and scripts/setup.sh: the first start and every other, on machines that lack one thing or another.

No network: a checkout of its own with the real scripts, a stand-in for Python, and a PATH with what a test gives.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import CHECKOUT

STAND_IN = Path(__file__).parent / "python.sh"
TOOLS = "bash basename cat chmod cp env flock id mkdir mv readlink realpath rm sed sleep stat tail".split()
SET_UP = "ecirun: set-up: creating {venv} with {python}\necirun: set-up: installing click>=8.1\n"
NOBODY = 65534

PROGRAM = """
import json, os, sys
print(json.dumps([sys.argv[1:], sys.stdin.read(), sys.flags.isolated, os.getcwd(), os.getpid()]))
sys.exit(7)
"""


class Checkout:
    """A checkout whose only Python is the stand-in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "check out's"  # every path that is quoted badly breaks
        shutil.copytree(CHECKOUT / "scripts", self.folder / "scripts")
        (self.folder / "pyproject.toml").write_text("[project]\n")
        (self.folder / "ecirun").mkdir()
        (self.folder / "ecirun/__main__.py").write_text(PROGRAM)
        self.tools = folder / "tools"
        self.tools.mkdir()
        for tool in TOOLS:
            (self.tools / tool).symlink_to(str(shutil.which(tool)))
        self.python = folder / "python3.11"
        shutil.copy(STAND_IN, self.python)
        (self.tools / "python3").symlink_to(self.python)
        self.tool("gcc", "")
        self.log = folder / "log"
        self.venv = self.folder / ".venv"
        self.environment = {"PATH": str(self.tools), "FAKE_LOG": str(self.log)}

    def command(self, *arguments: str, script: Path | None = None) -> list[str]:
        return [str(script or self.folder / "scripts/ecirun"), *arguments]

    def start(self, *arguments: str, script: Path | None = None, **environment: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of scripts/ecirun."""
        done = subprocess.run(
            self.command(*arguments, script=script),
            input="input",
            capture_output=True,
            text=True,
            env=self.environment | environment,
            timeout=30,
        )
        return done.returncode, done.stdout, done.stderr

    def popen(self, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command("x"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment | environment,
            start_new_session=True,
        )

    def done(self) -> list[str]:
        """What the stand-in had to do so far."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def be_ready(self) -> None:
        """An environment with a real Python, as after a first start."""
        (self.venv / "bin").mkdir(parents=True)
        (self.venv / "bin/python").symlink_to(sys.executable)
        shutil.copy(self.folder / "pyproject.toml", self.venv / ".ready")

    def tool(self, name: str, text: str) -> None:
        """One more program on the PATH, or another in the place of one of this machine's."""
        (self.tools / name).unlink(missing_ok=True)  # a link: it must not be written through
        (self.tools / name).write_text(f"#!{self.tools}/bash\n{text}\n")
        (self.tools / name).chmod(0o755)


@pytest.fixture
def checkout() -> Iterator[Checkout]:
    """In a folder that other users may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Checkout(Path(folder))


# --- every start but the first ---------------------------------------------------------------------------------------------


def answer(checkout: Checkout, *arguments: str, script: Path | None = None, **environment: str) -> list[object]:
    code, stdout, stderr = checkout.start(*arguments, script=script, **environment)
    assert (code, stderr) == (7, "")
    result: list[object] = json.loads(stdout)
    return result


def test_arguments_input_and_exit_code_are_passed_as_they_are(checkout):
    checkout.be_ready()
    words = ["run", "", "a b", "*", "$HOME", "it's", "a\nb", "--", "-x"]
    assert answer(checkout, *words)[:2] == [words, "input"]


def test_a_start_needs_no_program_but_bash_and_python(checkout):
    """What it adds to Python's own time is bash's: a few milliseconds."""
    checkout.be_ready()
    for tool in checkout.tools.iterdir():
        if tool.name != "bash":
            tool.unlink()
    assert answer(checkout, "x")[0] == ["x"]


def test_the_script_becomes_ecirun_itself_so_that_signals_reach_it(checkout):
    checkout.be_ready()
    with subprocess.Popen(checkout.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert f", {process.pid}]" in process.communicate()[0]


def test_what_python_variables_say_is_for_another_program(checkout):
    checkout.be_ready()
    assert answer(checkout, PYTHONPATH="/nowhere", PYTHONHOME="/nowhere", PYTHONSTARTUP="/nowhere", PYTHONINSPECT="1")[2] == 1


@pytest.mark.parametrize("way", ["absolute", "relative", "in its folder", "by PATH", "link", "link to a link", "bash"])
def test_it_can_be_called_from_anywhere(checkout, tmp_path, way, monkeypatch):
    checkout.be_ready()
    script = checkout.folder / "scripts/ecirun"
    link, second = tmp_path / "ecirun-link", tmp_path / "second link"
    link.symlink_to(script)
    second.symlink_to("ecirun-link")
    folder, command = {
        "absolute": (tmp_path, [str(script)]),
        "relative": (checkout.folder, ["scripts/ecirun"]),
        "in its folder": (script.parent, ["./ecirun"]),
        "by PATH": (tmp_path, ["ecirun"]),
        "link": (tmp_path, [str(link)]),
        "link to a link": (tmp_path, ["./second link"]),
        "bash": (script.parent, [shutil.which("bash") or "bash", "ecirun"]),
    }[way]
    path = f"{script.parent}:{checkout.tools}"
    monkeypatch.setenv("PATH", path)  # where subprocess itself looks
    done = subprocess.run(
        command, cwd=folder, env=checkout.environment | {"PATH": path}, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (7, "")
    assert str(folder) in done.stdout


def test_a_moved_checkout_is_still_ready(checkout):
    checkout.be_ready()
    moved = checkout.folder.with_name("elsewhere")
    checkout.folder.rename(moved)
    assert answer(checkout, "x", script=moved / "scripts/ecirun")[0] == ["x"]


# --- the first start -------------------------------------------------------------------------------------------------------


def test_the_first_start_sets_up_and_the_second_does_not(checkout):
    first = checkout.start("one")
    assert first[:2] == (0, f"ran: {checkout.folder}/ecirun/__main__.py one\n")
    assert first[2] == SET_UP.format(venv=checkout.venv, python=checkout.python)
    assert checkout.start("two") == (0, f"ran: {checkout.folder}/ecirun/__main__.py two\n", "")
    assert checkout.done() == ["venv", "pip click>=8.1"]


def test_other_dependencies_are_installed_into_what_is_there(checkout):
    checkout.start()
    (checkout.folder / "pyproject.toml").write_text("[project]\n# changed\n")
    code, _stdout, stderr = checkout.start()
    assert (code, stderr) == (0, "ecirun: set-up: installing click>=8.1\n")
    assert checkout.done() == ["venv", "pip click>=8.1", "pip click>=8.1"]


def test_a_python_that_is_gone_is_replaced(checkout):
    checkout.start()
    python = checkout.venv / "bin/python"
    python.unlink()
    python.symlink_to("/usr/bin/python3.7")
    assert checkout.start()[0] == 0
    assert checkout.done() == ["venv", "pip click>=8.1"] * 2


def test_the_stand_in_for_python_may_have_another_name(checkout):
    own = checkout.python.with_name("my python")
    shutil.copy(checkout.python, own)
    (checkout.tools / "python3").unlink()
    assert checkout.start(ECIRUN_PYTHON=str(own))[2] == SET_UP.format(venv=checkout.venv, python=own)


def gives_up(checkout: Checkout, said: str, **environment: str) -> None:
    """The set-up ends with exit code 125 and this, and nothing runs."""
    code, stdout, stderr = checkout.start("x", **environment)
    assert (code, stdout, stderr) == (125, "", said.format(venv=checkout.venv, python=checkout.python))


@pytest.mark.parametrize("value", ["PYTHON", "/nosuch", "/bin/sh", "/"])
def test_ecirun_python_that_is_none(checkout, value):
    value = value.replace("PYTHON", str(checkout.python))
    gives_up(
        checkout,
        f"ecirun: error: Can't use ECIRUN_PYTHON={value}: it is no Python from 3.11 on\n"
        "    hint: set it to the path of one, or unset it\n",
        ECIRUN_PYTHON=value,
        FAKE_VERSION="old",
    )


def test_no_python_and_no_apt(checkout):
    gives_up(
        checkout,
        "ecirun: set-up: Python 3.11 or newer is needed, python3 here is: 3.10.4\n"
        "ecirun: error: Can't find Python 3.11 or newer\n    hint: install it, or set ECIRUN_PYTHON to its path\n",
        FAKE_VERSION="old",
    )


def apt(checkout: Checkout, *, root: bool, works: bool = True) -> None:
    """An apt that has python3.12 beside an old python3, and knows the others as parts of other names only."""
    checkout.tool("id", f"echo {0 if root else 1000}")
    checkout.tool("dpkg", "[[ $2 == 3.12 ]]")
    checkout.tool("apt-cache", 'echo "${2/python3.1[134]/postgresql-plpython}:"; echo "  Candidate: ${2#python}"')
    checkout.tool("apt-get", f'echo "apt-get ${{*: -3}}" >>"$FAKE_LOG"; {"" if works else "echo E: no network >&2; exit 100"}')


PACKAGES = "python3.12 python3.12-venv python3.12-dev"


def test_a_python_that_is_packaged_beside_an_old_one_is_asked_for_with_all_that_goes_with_it(checkout):
    apt(checkout, root=False)
    (checkout.tools / "gcc").unlink()
    code, stdout, stderr = checkout.start(FAKE_VERSION="old")
    assert (code, stdout) == (125, "")
    said = stderr.splitlines()
    assert said[0] == "ecirun: set-up: Python 3.11 or newer is needed, python3 here is: 3.10.4"
    assert said[1].startswith(f"ecirun: error: Can't install {PACKAGES} gcc")
    assert said[1].endswith(": not root")
    assert said[2].startswith(f"    hint: run: sudo apt-get install -y --no-install-recommends {PACKAGES} gcc")


def test_root_gets_it_installed(checkout):
    apt(checkout, root=True)
    _code, _stdout, stderr = checkout.start(FAKE_VERSION="old")
    assert f"ecirun: set-up: apt-get install -y --no-install-recommends {PACKAGES}" in stderr
    assert [line for line in checkout.done() if line.startswith("apt-get")] != []


def test_apt_fails(checkout):
    apt(checkout, root=True, works=False)
    code, stdout, stderr = checkout.start(FAKE_MISSING="ensurepip")
    assert (code, stdout) == (125, "")
    said = stderr.splitlines()
    assert said[0].startswith("ecirun: set-up: apt-get install -y --no-install-recommends python3.11-venv")
    assert said[-3:] == [
        "E: no network",
        said[0].replace("set-up: apt-get install -y --no-install-recommends", "error: Can't install") + ": apt-get failed",
        "    hint: see its messages above; without a network, install these by hand",
    ]


def test_what_is_missing_is_named_where_there_is_no_apt(checkout):
    (checkout.tools / "gcc").unlink()
    code, stdout, stderr = checkout.start(FAKE_MISSING="ensurepip Python.h")
    assert (code, stdout) == (125, "")
    assert stderr.startswith(
        "ecirun: error: Can't build python-prctl: missing what Debian calls python3.11-venv python3.11-dev gcc"
    )
    assert stderr.endswith("\n    hint: install these with this system's package manager\n")


def test_no_environment_can_be_made(checkout):
    gives_up(
        checkout,
        "ecirun: set-up: creating {venv} with {python}\nthe real reason\n"
        "ecirun: error: Can't create {venv}: python -m venv failed\n    hint: see its messages above\n",
        FAKE_VENV="fail",
    )


def test_nothing_can_be_installed_and_the_next_start_tries_again(checkout):
    gives_up(
        checkout,
        SET_UP + "the real reason\n"
        "ecirun: error: Can't install ecirun's dependencies: pip failed\n"
        "    hint: see its messages above; it needs a network this once\n",
        FAKE_PIP="fail",
    )
    assert checkout.start()[2] == "ecirun: set-up: installing click>=8.1\n"
    assert checkout.done() == ["venv", "pip click>=8.1", "pip click>=8.1"]


@pytest.mark.parametrize(("step", "next_start"), [("FAKE_VENV", ["venv", "pip click>=8.1"]), ("FAKE_PIP", ["pip click>=8.1"])])
def test_after_control_c_the_next_start_goes_on(checkout, step, next_start):
    process = checkout.popen(**{step: "die"})
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) in ((130, ""), (-signal.SIGINT, ""))
    assert "ecirun: error" not in stderr
    before = checkout.done()
    assert checkout.start()[0] == 0
    assert checkout.done() == before + next_start


def test_two_at_once_set_up_once(checkout):
    first = checkout.popen(FAKE_VENV="wait")
    waiting = checkout.log.with_name("log.waiting")
    deadline = time.monotonic() + 10
    while not waiting.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    second = checkout.popen()
    assert second.stderr is not None
    assert second.stderr.readline() == f"ecirun: set-up: waiting for another set-up of {checkout.folder}\n"
    checkout.log.with_name("log.go").touch()
    for process in (first, second):
        stdout, _stderr = process.communicate(timeout=30)
        assert (process.returncode, stdout) == (0, f"ran: {checkout.folder}/ecirun/__main__.py x\n")
    assert checkout.done() == ["venv", "pip click>=8.1"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_checkout_that_cannot_be_written(checkout):
    done = subprocess.run(
        checkout.command("x"),
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        env=checkout.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        125,
        "",
        f"ecirun: error: Can't create {checkout.venv}: the checkout is not writable\n"
        "    hint: run this once as its owner, or copy the checkout to a place of your own\n",
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_environment_that_belongs_to_root_in_a_checkout_of_somebody_else(checkout):
    """After `sudo scripts/ecirun` once."""
    checkout.venv.mkdir()
    checkout.folder.chmod(0o777)
    done = subprocess.run(
        checkout.command("x"),
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        env=checkout.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        125,
        "",
        f"ecirun: error: Can't change {checkout.venv}: it belongs to root\n"
        "    hint: run this once as that user, or remove the folder\n",
    )
