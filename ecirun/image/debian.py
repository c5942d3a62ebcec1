"""Debian's packages → a root, by mmdebstrap or debootstrap.

Maintainer scripts run as root. They run in mount and process namespaces of their own: what they mount or start is gone when
the build ends, however it ends, and the folder that they fill is a draft's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ecirun.errors import HostUnsupported
from ecirun.image.bad_image import BadImage
from ecirun.image.progress import Progress
from ecirun.image.recipe import Packages

# Whoever kills ecirun kills unshare, and whoever kills unshare kills all that runs apart.
APART = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]
# What the archives of one suite are called; apt-get indextargets says where this machine gets them.
ARCHIVES = ("{0}", "{0}-updates", "{0}-security")
SOURCES = ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)", "Created-By: Packages"]


def install_packages(root: Path, recipe: Packages, work: Path, progress: Progress) -> None:
    """Fill the folder. Raises HostUnsupported without root or the programs, BadImage when they fail."""
    if os.geteuid() != 0:
        raise HostUnsupported("Can't install Debian's packages: not root", hint="run it as root")
    mirrors = list(_mirrors(recipe.suite))
    if shutil.which("mmdebstrap"):
        command = _mmdebstrap(root, recipe, mirrors)
    elif shutil.which("debootstrap"):
        command = _debootstrap(root, recipe, mirrors)
    else:
        raise HostUnsupported(
            "Can't install Debian's packages: neither mmdebstrap nor debootstrap is here",
            hint="install one: sudo apt-get install mmdebstrap",
        )
    with progress.task(f"installing {len(recipe.packages)} packages and what they need with {command[0]}", 0):
        _run_apart(command, work)
        _run_apart(["chroot", str(root), "sh", "-eu"], work, recipe.script)
        _leave_out(root, recipe.without)


def _mirrors(suite: str) -> Iterator[tuple[str, str, str]]:
    """(URI, release, component) of the suite's archives that apt knows here; none on a machine that is no Debian."""
    try:
        listed = subprocess.run(SOURCES, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return
    wanted = [name.format(suite) for name in ARCHIVES]
    for line in listed.splitlines():
        origin, release, component, uri = line.split("|", 3)
        if origin == "Debian" and release in wanted and component == "main":
            yield uri, release, component


def _mmdebstrap(root: Path, recipe: Packages, mirrors: list[tuple[str, str, str]]) -> list[str]:
    command = [
        "mmdebstrap",
        "--mode=root",
        "--variant=essential",
        "--format=directory",
        f"--include={','.join(recipe.packages)}",
        # The store is not to be read by apt's own user.
        '--aptopt=APT::Sandbox::User "root"',
        *(f"--aptopt={setting}" for setting in _apt_proxies()),
        *(f"--dpkgopt=path-exclude={path}" for path in recipe.without),
        recipe.suite,
        str(root),
    ]
    return command + [f"deb {uri} {release} {component}" for uri, release, component in mirrors]


def _debootstrap(root: Path, recipe: Packages, mirrors: list[tuple[str, str, str]]) -> list[str]:
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(recipe.packages)}", recipe.suite, str(root)]
    return command + [uri for uri, release, _component in mirrors if release == recipe.suite][:1]


def _apt_proxies() -> list[str]:
    """The settings of apt here that say how to reach an archive."""
    dumped = subprocess.run(
        ["apt-config", "dump"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    ).stdout
    return [line.rstrip(";") for line in dumped.splitlines() if line.lower().startswith(("acquire::http", "acquire::https"))]


def _leave_out(root: Path, patterns: tuple[str, ...]) -> None:
    """What debootstrap knows no way to leave out; nothing is left of it after mmdebstrap."""
    for pattern in patterns:
        for path in root.glob(pattern.lstrip("/")):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _run_apart(command: list[str], work: Path, script: str = "") -> None:
    """Run a program with namespaces of its own to its end. Raises BadImage with what it said last."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "TMPDIR": str(work), "DEBIAN_FRONTEND": "noninteractive"}
    with subprocess.Popen(
        APART + command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
        start_new_session=True,
    ) as program:
        try:
            said, _nothing = program.communicate(script)
        except BaseException:
            # It is gone, and with it all that runs apart, when nothing holds the pipe any more.
            program.kill()
            program.communicate()
            raise
    if program.returncode != 0:
        lines = [line.strip() for line in said.splitlines() if line.strip()] or [f"it ended with {program.returncode}"]
        errors = [line for line in lines if line.startswith("E:")]
        raise BadImage(f"{command[0]}: {(errors or lines)[-1].removeprefix('E:').strip()}")
