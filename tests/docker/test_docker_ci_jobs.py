"""The jobs of examples/ci, run as the CI service would run their lines."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from engine import IMAGE, docker
from running import CHECKOUT, Result

from ecirun import __version__

JOBS = CHECKOUT / "ecirun" / "examples" / "ci"
REFUSAL = "ip: SIOCSIFFLAGS: Operation not permitted\n"
# The engine of scripts/with-docker has no bridge, so that a build needs the host's network.
DOCKER = """\
#!/bin/sh
[ "$1" != build ] || {{ shift; set -- build --network host "$@"; }}
exec {docker} "$@"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a suite that starts pods."""
    (tmp_path / "tests").mkdir()
    shutil.copy(CHECKOUT / "ecirun" / "examples" / "test_net_admin.py", tmp_path / "tests")
    return tmp_path


@pytest.fixture
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A runner's."""
    folder = tmp_path_factory.mktemp("runner")
    (folder / "docker").write_text(DOCKER.format(docker=shutil.which("docker")))
    (folder / "docker").chmod(0o755)
    runner = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "GITHUB_ACTION_PATH": str(CHECKOUT),
        "GITHUB_PATH": str(folder / "path"),
        "RUNNER_TEMP": str(folder / "temp"),
        "DOCKER_BUILDKIT": "0",
        "PYTEST_ADDOPTS": "-p no:cacheprovider",
    }
    return {**os.environ, **runner}


def shell(script: str, project: Path, environment: dict[str, str]) -> Result:
    """As GitHub's `shell: bash`."""
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    return Result(done.returncode, done.stdout, done.stderr)


def passed(output: str) -> int:
    """How many tests of the suite did; none may be skipped."""
    assert "skipped" not in output
    return int(re.search(r"(\d+) passed", output)[1])


def test_the_github_job_with_the_composite_action(project, environment):
    action = yaml.safe_load((CHECKOUT / "action.yaml").read_text())
    assert action["runs"]["using"] == "composite"
    for step in action["runs"]["steps"]:
        assert step["shell"] == "bash"
        result = shell(step["run"], project, environment)
        assert result.code == 0, result.stdout + result.stderr
    added = Path(environment["GITHUB_PATH"]).read_text().strip()
    environment["PATH"] = f"{added}:{environment['PATH']}"
    (job,) = yaml.safe_load((JOBS / "github.yaml").read_text())["jobs"].values()
    checkout, ecirun, network, tests = job["steps"]
    assert (checkout["uses"], ecirun["uses"].partition("/")[2]) == ("actions/checkout@v4", f"ecirun@v{__version__}")
    assert shell(network["run"], project, environment) == (0, "", REFUSAL)
    result = shell(tests["run"], project, environment)
    assert result.code == 0, result.stdout
    assert passed(result.stdout) == 8


def test_the_gitlab_job_in_a_privileged_runner(image, project):
    (job,) = yaml.safe_load((JOBS / "gitlab.yaml").read_text()).values()
    assert job["image"] == {"name": "$CI_REGISTRY/ecirun", "entrypoint": [""]}
    variables = [word for name, value in job["variables"].items() for word in ("--env", f"{name}={value}")]
    folder = ["--volume", f"{project}:/builds/project", "--workdir", "/builds/project"]
    script = "\n".join(["set -e", *job["script"]])
    command = [*variables, *folder, "--entrypoint", "", IMAGE, "sh", "-c", script]
    result = docker("run", "--privileged", "--rm", *command)
    assert (result.code, result.stderr) == (0, REFUSAL), result.stdout
    assert passed(result.stdout) == 8


def test_the_lines_for_jenkins_and_every_other_machine_with_docker(image, project, environment):
    result = shell(str(JOBS / "docker.sh"), project, environment)
    assert (result.code, result.stderr) == (0, REFUSAL), result.stdout
    assert passed(result.stdout) == 8
