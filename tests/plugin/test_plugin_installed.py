"""ecirun as pip installs it: the plugin registers itself, and type checkers see the types."""

from __future__ import annotations

import shutil
import site
import subprocess
import sys
from pathlib import Path

import pytest
from running import CHECKOUT

USER = '''\
"""A program of somebody who checks types strictly."""

from __future__ import annotations

from pathlib import Path

import ecirun


def findings_of(path: Path) -> list[str]:
    return [f"{finding.mark.line}: {finding.rule.id}" for finding in ecirun.check(path)]


def bounding_set(pod: ecirun.Pod) -> str:
    plan: ecirun.PodPlan = ecirun.plan(pod, network="none", sysctls="strict")
    return plan.containers[0].capabilities.bounding.mask


def use(pod: ecirun.RunningPod) -> tuple[str, bytes, int]:
    text: ecirun.Result[str] = pod.exec(["true"], timeout=5, env={"A": "1"}, cwd=Path("/"))
    data = pod.exec(["cat"], input=b"x", text=False)
    with pod.exec_stream(["cat"], stdin=True) as stream:
        if stream.stdin is not None:
            stream.stdin.write(b"x")
        code: int = stream.wait(timeout=1)
    try:
        pod.exec(["false"]).check()
    except ecirun.ExecFailed as error:
        print(error.result.exit_code)
    except ecirun.ExecTimeout as error:
        print(error.timeout)
    return text.stdout, data.stdout, code


def main() -> int:
    made = ecirun.pod(capabilities=["NET_ADMIN"], sysctls={"net.core.somaxconn": "1024"})
    try:
        with ecirun.run(made, command=["sleep", "1"]) as pod:
            use(pod)
            print(pod.logs("main", stream="stdout"), pod.status()["phase"])
            return pod.wait(timeout=5)
    except ecirun.PodRefused as refused:
        print([finding.rule.id for finding in refused.findings])
    except ecirun.EcirunError as error:
        print(error.message, error.hint)
    with ecirun.attach("name") as other:
        return other.stop(grace=1)
'''
WRONG = """
import ecirun

ecirun.run("pod.yaml", network="brige")
ecirun.pod(capabilities=3)
with ecirun.run("pod.yaml") as pod:
    pod.exec(["true"]).stdout.hex()
    pod.exec(["true"], text=False).stdout.encode()
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> str:
    """The Python of a fresh environment with ecirun in it, and of the others what this environment has."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    shutil.copytree(CHECKOUT / "ecirun", source / "ecirun", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, source)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    (packages,) = (folder / "venv").glob("lib/python3*/site-packages")
    # Not as a site folder: the checkout that this environment points to shall not be found.
    (packages / "others.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    interpreter = str(folder / "venv" / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", interpreter, "--quiet", "--disable-pip-version-check"]
    arguments = ["install", "--no-deps", "--no-build-isolation", "--no-index", str(source)]
    done = subprocess.run([*pip, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return interpreter


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def test_it_is_the_installed_one(python, tmp_path):
    done = run(python, "-c", "import ecirun; print(ecirun.__file__)", cwd=tmp_path)
    assert done.stdout.strip().endswith("site-packages/ecirun/__init__.py"), done.stdout + done.stderr
    assert not done.stdout.startswith(str(CHECKOUT))


def test_the_plugin_registers_itself(python, tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import sys\n\n"
        "def test_it(request):\n"
        "    assert request.config.pluginmanager.hasplugin('ecirun')\n"
        "    assert request.config.pluginmanager.hasplugin('ecirun.pytest_plugin')\n"
        "    modules = [name for name in sys.modules if name.startswith('ecirun.')]\n"
        "    assert modules == ['ecirun.pytest_entry_point', 'ecirun.pytest_plugin']\n"
    )
    done = run(python, "-m", "pytest", "-W", "error", "--strict-markers", "--ecirun-must-run", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ecirun-" in next(line for line in done.stdout.splitlines() if line.startswith("plugins: "))


@pytest.mark.parametrize("name", ["ecirun", "ecirun.pytest_plugin"])
def test_the_plugin_may_be_asked_for_as_well(python, tmp_path, name):
    (tmp_path / "test_it.py").write_text("def test_it():\n    pass\n")
    done = run(python, "-m", "pytest", "-p", name, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_plugin_can_be_switched_off(python, tmp_path):
    (tmp_path / "test_it.py").write_text("import sys\n\ndef test_it():\n    assert 'ecirun.pytest_plugin' not in sys.modules\n")
    done = run(python, "-m", "pytest", "-p", "no:ecirun", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_examples_and_policies_are_there(python, tmp_path):
    done = run(python, "-m", "ecirun", "check", "example:sysctl", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_typed_program_passes_mypy_strictly_and_mistakes_do_not(python, tmp_path):
    mypy = [sys.executable, "-m", "mypy", "--strict", "--python-executable", python, "--no-error-summary"]
    (tmp_path / "user.py").write_text(USER)
    (tmp_path / "wrong.py").write_text(WRONG)
    done = run(*mypy, "user.py", "wrong.py", cwd=tmp_path)
    assert [line.partition(": error: ")[2].partition("  [")[0] for line in done.stdout.splitlines()] == [
        'Argument "network" to "run" has incompatible type "Literal[\'brige\']"; '
        "expected \"Literal['loopback', 'bridge', 'none']\"",
        'Argument "capabilities" to "pod" has incompatible type "int"; expected "Sequence[str]"',
        '"str" has no attribute "hex"',
        '"bytes" has no attribute "encode"; maybe "decode"?',
    ], done.stdout + done.stderr
