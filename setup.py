"""What pyproject.toml cannot say: recipes and the manual, which are no Python, and what a build of python-prctl needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from setuptools import find_packages, setup

RECIPES = "ecirun.image.recipes"
HERE = Path(__file__).resolve().parent


def missing_for_prctl() -> list[str]:
    """The Debian packages that lack for building python-prctl, of which there are no wheels on PyPI."""
    needed = {
        "gcc": bool(shutil.which("gcc") and shutil.which("cpp")),
        "libc6-dev": os.path.exists("/usr/include/stdio.h"),
        "libcap-dev": os.path.exists("/usr/include/sys/capability.h"),
        "python3-dev": os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")),
    }
    return [package for package, there in needed.items() if not there]


def pip_will_build_prctl() -> bool:
    """Whether this is pip, about to install ecirun where no python-prctl is, and no wheel of one can be had."""
    if "PIP_BUILD_TRACKER" not in os.environ or os.environ.get("PIP_NO_DEPS"):
        return False
    arguments = Path(f"/proc/{os.getppid()}/cmdline").read_bytes().split(b"\0")
    if b"--no-deps" in arguments or any(argument.startswith((b"-f", b"--find-links")) for argument in arguments):
        return False
    # The interpreter as it is outside of the build's own environment.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    if subprocess.run([sys.executable, "-c", "import _prctl"], env=environment, capture_output=True).returncode == 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        pip = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--dest",
            folder,
            "python-prctl>=1.8",
        ]
        return subprocess.run(pip, env=environment, capture_output=True).returncode != 0


if (missing := missing_for_prctl()) and sys.platform == "linux" and pip_will_build_prctl():
    sys.exit(f"ecirun: error: Can't build python-prctl, which ecirun needs: run sudo apt-get install {' '.join(missing)}")

recipes = {f"{RECIPES}.{path.parent.name}": ["*"] for path in HERE.glob("images/*/recipe.toml")}

setup(
    packages=[*find_packages(str(HERE), include=["ecirun*"]), *recipes],
    package_dir={RECIPES: "images"},
    data_files=[("share/man/man1", ["ecirun/cli/ecirun.1"])],
    package_data={"ecirun": ["py.typed", "**/*.css", "**/*.toml", "**/*.yaml", "**/*.tsv", "**/*.json", "**/*.sh"], **recipes},
)
