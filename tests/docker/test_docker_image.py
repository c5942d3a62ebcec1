"""What is in the image, and the README's section about it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from engine import IMAGE, docker
from running import CHECKOUT, pod_yaml

from ecirun import __version__
from ecirun.doctor.report import ENOUGH, ENOUGH_IN_PODMAN

SECTION = (CHECKOUT / "README.md").read_text().partition("## In Docker and on CI runners\n")[2].partition("\n## ")[0]


def in_image(script: str) -> str:
    result = docker("run", "--rm", "--entrypoint", "sh", IMAGE, "-c", script)
    assert (result.code, result.stderr) == (0, "")
    return result.stdout


def test_it_has_no_compiler_and_no_pip():
    assert (
        in_image("command -v gcc cc make pip pip3 || true; python3 -c 'import prctl, yaml, click, psutil, pyroute2, pytest'")
        == ""
    )


def test_the_busybox_image_is_in_its_store(in_docker):
    assert in_docker("image", "ls", flags=()).stdout.splitlines()[1].startswith("docker.io/library/busybox:latest ")


def test_its_version_is_the_checkouts(in_docker):
    assert in_docker("--version", flags=()) == (0, f"ecirun {__version__}\n", "")


def test_without_a_command_it_shows_the_help(in_docker):
    assert in_docker(flags=()).stdout.startswith("Usage: ecirun [OPTIONS] COMMAND")


def test_the_readmes_commands_work(tmp_path: Path):
    """Every line but the build, which the other tests need too."""
    (tmp_path / "pod.yaml").write_text(pod_yaml(container="command: [id]"))
    (tmp_path / "tests").mkdir()
    shutil.copy(CHECKOUT / "ecirun/examples/test_net_admin.py", tmp_path / "tests")
    blocks = "".join(re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL))
    build, *commands = blocks.replace("\\\n", " ").splitlines()
    assert build == "docker build -t ecirun ."
    assert len(commands) == 3
    for command in commands:
        done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), command + done.stdout


def test_the_readme_names_the_smallest_set_of_flags():
    flat = " ".join(SECTION.replace("\\\n", " ").split())
    assert ENOUGH.removeprefix("docker run ") in flat
    assert ENOUGH_IN_PODMAN in flat
