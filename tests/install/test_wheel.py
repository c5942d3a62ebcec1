"""ecirun as somebody's dependency: what the wheel holds, and that what is installed is what was built."""

from __future__ import annotations

import email
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from running import CHECKOUT

from ecirun import __version__

MINE = ("ecirun", "images", "LICENSE", "README.md", "pyproject.toml", "setup.py")
# What pip does at an index, done without one; what ecirun depends on is in the environment of the tests.
OFFLINE = ("--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--root-user-action=ignore")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the checkout, so that the checkout keeps no trace of its making."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in MINE:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy)
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-cache-dir", *OFFLINE[:-1], "--wheel-dir", target, copy]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = target.iterdir()
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with that wheel in it, and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", *OFFLINE, wheel]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (packages,) = folder.glob("lib/python3*/site-packages")
    (theirs,) = Path(sys.prefix).glob("lib/python3*/site-packages")
    for entry in theirs.iterdir():
        if "ecirun" not in entry.name and not (packages / entry.name).exists():
            (packages / entry.name).symlink_to(entry)
    return folder


def run(installed: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(installed / "bin" / "ecirun"), *arguments], capture_output=True, text=True, cwd="/", env=environment
    )


def test_it_holds_every_file_that_is_no_test(wheel):
    """Examples, policies, recipes, schemas, py.typed: whatever stands in the package's folder is in the wheel too."""
    wanted = {str(path.relative_to(CHECKOUT)) for path in CHECKOUT.glob("ecirun/**/*") if path.is_file()}
    wanted = {name for name in wanted if "__pycache__" not in name and not name.endswith("/ecirun.1")}
    wanted |= {
        f"ecirun/image/recipes/{path.relative_to(CHECKOUT / 'images')}"
        for path in CHECKOUT.glob("images/*/*")
        if path.is_file()
    }
    found = set(zipfile.ZipFile(wheel).namelist())
    assert {"ecirun/py.typed", "ecirun/examples/network.yaml", "ecirun/image/recipes/busybox/recipe.toml"} <= wanted
    assert wanted - found == set()


def test_it_holds_the_manual_page_and_no_tests(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert f"ecirun-{__version__}.data/data/share/man/man1/ecirun.1" in names
    assert [name for name in names if name.startswith(("tests", "scripts", "build"))] == []


def test_its_version_is_the_commands(wheel, installed):
    (metadata,) = (name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".dist-info/METADATA"))
    assert email.message_from_bytes(zipfile.ZipFile(wheel).read(metadata))["Version"] == __version__
    assert run(installed, "--version").stdout == f"ecirun {__version__}\n"


def test_a_tag_of_this_commit_says_the_same_version():
    git = ["git", "-C", str(CHECKOUT), "tag", "--points-at", "HEAD"]
    tags = subprocess.run(git, capture_output=True, text=True).stdout.split() if shutil.which("git") else []
    assert {tag for tag in tags if tag.startswith("v")} <= {f"v{__version__}"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("examples",), "network-admin"),
        (("policy", "-o", "text"), "eci-2024-02-26"),
        (("check", "example:sysctl"), "example:sysctl:2:1: Pod sysctl-example: admitted by eci-2024-02-26"),
        (("image", "build", "--help"), "Usage: ecirun image build"),
    ],
)
def test_what_is_installed_finds_its_files(installed, arguments, says):
    result = run(installed, *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    assert says in result.stdout


@pytest.mark.sandbox
def test_what_is_installed_builds_an_image_and_runs_a_pod(installed, tmp_path):
    pod = ["run", "-q", "--store", str(tmp_path / "store"), "example:network", "--", "echo", "fine"]
    result = run(installed, *pod)
    assert (result.returncode, result.stdout, result.stderr) == (0, "fine\n", "")


def test_the_plugin_is_known_to_pytest(installed, tmp_path):
    (tmp_path / "test_it.py").write_text("def test_it(ecirun_options):\n    assert ecirun_options == {}\n")
    command = [str(installed / "bin" / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0


def test_what_prctl_needs_is_said_in_a_line(tmp_path):
    """As on a machine without compiler and headers: setup.py looks for both by PATH and below /usr/include."""
    script = (
        "import sys, runpy, os, shutil, setuptools\n"
        "setuptools.setup = lambda **_: None\n"
        "module = runpy.run_path('setup.py')\n"
        "os.path.exists, shutil.which = lambda _path: False, lambda _name: None\n"
        "print(*module['missing_for_prctl']())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("gcc libc6-dev libcap-dev python3-dev\n", "")
