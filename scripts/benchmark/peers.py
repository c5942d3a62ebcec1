"""Who else can run a program in a container, each in its own way on the same root file system.

A launch is a function of the ground that gives the contestant; an execution one that gives, for as long as its `with` lasts,
the command that executes `true` in a container that runs. Both raise CannotRun with what the peer itself said.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmark.ground import Ground
from benchmark.programs import CannotRun, output, timed, try_output
from benchmark.rounds import Contestant

IMAGE = "localhost/ecirun-bench:latest"
NAME = f"ecirun-bench-{os.getpid()}"
FOREVER = ["sleep", "1000000"]
_numbers = itertools.count(1)

Launch = Callable[[Ground], Contestant]
Execution = Callable[[Ground], contextlib.AbstractContextManager[list[str]]]


def installed(program: str) -> str:
    """The program's path. Raises CannotRun."""
    path = shutil.which(program)
    if path is None:
        raise CannotRun("not installed")
    return path


def command(name: str, argv: Callable[[], list[str]], *, slow: bool = False) -> Contestant:
    """A contestant that is a command line, which may differ from turn to turn. Raises CannotRun when it fails."""
    output(argv())
    return Contestant(name, lambda: timed(argv()), slow)


def bubblewrap(ground: Ground) -> Contestant:
    """All namespaces, the root read-only, /proc and /dev."""
    argv = [installed("bwrap"), "--unshare-all", "--ro-bind", str(ground.root), "/", "--proc", "/proc", "--dev", "/dev", "true"]
    return command("bwrap", lambda: argv)


def unshare(ground: Ground) -> Contestant:
    """Namespaces and a chroot, and nothing that makes them safe."""
    argv = [installed("unshare"), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--fork"]
    return command("unshare + chroot", lambda: [*argv, "chroot", str(ground.root), "/bin/true"])


def nspawn(ground: Ground) -> Contestant:
    """A container without a machine that is registered."""
    argv = [installed("systemd-nspawn"), "--quiet", "--read-only", "--private-network", "--register=no", "--keep-unit"]
    return command("systemd-nspawn", lambda: [*argv, "--directory", str(ground.root), "/bin/true"], slow=True)


def crun(ground: Ground) -> Contestant:
    """An OCI bundle."""
    return _oci_run("crun", ground)


def runc(ground: Ground) -> Contestant:
    """An OCI bundle."""
    return _oci_run("runc", ground)


def podman_run(ground: Ground) -> Contestant:
    """An image of podman's own store."""
    argv = [*podman(ground), "run", "--rm", *_LIKE_THE_POD, IMAGE, "true"]
    return command("podman run", lambda: argv, slow=True)


def podman_kube_play(ground: Ground) -> Contestant:
    """A pod, to its start: neither its end nor its removal counts."""
    return _kube_play("podman kube play (start)", ground, whole=False)


def podman_kube_play_and_rm(ground: Ground) -> Contestant:
    """A pod from beginning to end, as the others'."""
    return _kube_play("podman kube play + pod rm", ground, whole=True)


def _kube_play(name: str, ground: Ground, *, whole: bool) -> Contestant:
    engine = podman(ground)
    file = ground.folder / "kube.yaml"
    file.write_text(
        f"apiVersion: v1\nkind: Pod\nmetadata:\n  name: {NAME}\nspec:\n  restartPolicy: Never\n"
        f'  containers:\n  - {{name: main, image: "{IMAGE}", imagePullPolicy: Never, command: [/bin/true]}}\n'
    )
    down = [*engine, "pod", "rm", "--force", "--time", "0", NAME]  # `kube down` would grant the pod its grace period
    play = [*engine, "kube", "play", "--network", "none", str(file)]
    ground.stack.callback(try_output, down)
    output(play)
    output(down)

    def once() -> float:
        seconds = timed(play)
        if whole:
            return seconds + timed(down)
        output(down)
        return seconds

    return Contestant(name, once, slow=True)


def docker_run(ground: Ground) -> Contestant:
    """An image of the engine's own store."""
    argv = [*docker(ground), "run", "--rm", *_LIKE_THE_POD, IMAGE, "true"]
    return command("docker run", lambda: argv, slow=True)


@contextlib.contextmanager
def crun_exec(ground: Ground) -> Iterator[list[str]]:
    """In a container of crun's."""
    with _oci_exec("crun", ground) as argv:
        yield argv


@contextlib.contextmanager
def runc_exec(ground: Ground) -> Iterator[list[str]]:
    """In a container of runc's."""
    with _oci_exec("runc", ground) as argv:
        yield argv


@contextlib.contextmanager
def podman_exec(ground: Ground) -> Iterator[list[str]]:
    """In a container of podman's."""
    with _engine_exec(podman(ground)) as argv:
        yield argv


@contextlib.contextmanager
def docker_exec(ground: Ground) -> Iterator[list[str]]:
    """In a container of docker's."""
    with _engine_exec(docker(ground)) as argv:
        yield argv


LAUNCHES: dict[str, Launch] = {
    "bwrap": bubblewrap,
    "unshare + chroot": unshare,
    "crun run": crun,
    "runc run": runc,
    "systemd-nspawn": nspawn,
    "podman run": podman_run,
    "podman kube play (start)": podman_kube_play,
    "podman kube play + pod rm": podman_kube_play_and_rm,
    "docker run": docker_run,
}
EXECUTIONS: dict[str, Execution] = {
    "crun exec": crun_exec,
    "runc exec": runc_exec,
    "podman exec": podman_exec,
    "docker exec": docker_exec,
}
VERSIONS = {
    "bwrap": ["bwrap", "--version"],
    "unshare": ["unshare", "--version"],
    "crun": ["crun", "--version"],
    "runc": ["runc", "--version"],
    "systemd-nspawn": ["systemd-nspawn", "--version"],
    "podman": ["podman", "--version"],
    "docker": ["docker", "--version"],
    "umoci": ["umoci", "--version"],
    "skopeo": ["skopeo", "--version"],
}

_PODMAN = "podman"
# Ends when it is asked to, as the pause of a pod does, whose place it takes.
_PAUSE = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000000 & wait"]
_CHANGES = ["--change", f"CMD {json.dumps(_PAUSE)}", "--change", "ENV PATH=/usr/bin:/bin"]
_LIKE_THE_POD = [
    *("--network", "none", "--read-only", "--user", "1000:1000", "--sysctl", "net.core.somaxconn=1024"),
    *("--sysctl", "kernel.msgmax=65536"),
]


def _bundle(program: str, ground: Ground, argv: list[str]) -> str:
    """An OCI bundle with the properties of the pod."""
    folder = ground.folder / f"bundle-{program}-{argv[0]}"
    if not folder.exists():
        folder.mkdir()
        output([program, "spec", "--bundle", str(folder)] if program == "runc" else ["env", "-C", str(folder), program, "spec"])
        config: dict[str, Any] = json.loads((folder / "config.json").read_text())
        config["process"] |= {"terminal": False, "args": argv, "user": {"uid": 1000, "gid": 1000}}
        config["root"] = {"path": str(ground.root), "readonly": True}
        config["linux"]["sysctl"] = {"net.core.somaxconn": "1024", "kernel.msgmax": "65536"}
        (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


def _oci_run(program: str, ground: Ground) -> Contestant:
    argv = [installed(program), "--root", str(ground.folder / f"{program}-state"), "run", "--bundle"]
    argv.append(_bundle(program, ground, ["true"]))
    return command(f"{program} run", lambda: [*argv, f"{NAME}-{next(_numbers)}"])


@contextlib.contextmanager
def _oci_exec(program: str, ground: Ground) -> Iterator[list[str]]:
    base = [installed(program), "--root", str(ground.folder / f"{program}-state")]
    name = f"{NAME}-{next(_numbers)}"
    # Its streams are those of whoever creates it: they must not be pipes that are waited for.
    timed([*base, "run", "--detach", "--bundle", _bundle(program, ground, FOREVER), name])
    try:
        yield [*base, "exec", name, "true"]
    finally:
        try_output([*base, "delete", "--force", name])


class Words(NamedTuple):
    """The commands by which an engine starts a container that stays, executes `true` in it, and removes it."""

    start: list[str]
    execute: list[str]
    remove: list[str]


def words_of(engine: list[str]) -> Words:
    """For one further container of podman or docker."""
    name = f"{NAME}-{next(_numbers)}"
    return Words(
        [*engine, "run", "--detach", "--name", name, *_LIKE_THE_POD, IMAGE, *FOREVER],
        [*engine, "exec", name, "true"],
        [*engine, "rm", "--force", *(["--time", "0"] if _PODMAN in engine else []), name],
    )


@contextlib.contextmanager
def _engine_exec(engine: list[str]) -> Iterator[list[str]]:
    words = words_of(engine)
    output(words.start)
    try:
        yield words.execute
    finally:
        try_output(words.remove)


def podman(ground: Ground) -> list[str]:
    """podman with a store of its own, and the root as an image in it."""
    root, run = ground.folder / "podman", ground.folder / "podman-run"
    # The pause container of its pods is of the same image: no download, and no program that is not there. The limits
    # are what it has itself: it would ask for more, which not every root may.
    settings = ground.folder / "containers.conf"
    processes = min(*resource.getrlimit(resource.RLIMIT_NPROC), int(Path("/proc/sys/kernel/pid_max").read_text()))
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limits = [f"nofile={files}:{files}", f"nproc={processes}:{processes}"]
    settings.write_text(f'[engine]\ninfra_image = "{IMAGE}"\n[containers]\ndefault_ulimits = {json.dumps(limits)}\n')
    installed(_PODMAN)
    argv = [
        "env",
        f"CONTAINERS_CONF={settings}",
        _PODMAN,
        "--root",
        str(root),
        "--runroot",
        str(run),
        "--cgroup-manager",
        "cgroupfs",
    ]
    argv += ["--events-backend", "none"]
    if not root.exists():
        ground.stack.callback(_leave_no_mounts, str(ground.folder))
        ground.stack.callback(try_output, [*argv, "rmi", "--all", "--force"])
        output([*argv, "import", *_CHANGES, _archive(ground), IMAGE])
    return argv


def docker(ground: Ground) -> list[str]:
    """docker, whose engine gets the root as an image."""
    argv = [installed("docker")]
    try:
        output([*argv, "version", "--format", "{{.Server.Version}}"])
    except CannotRun:
        raise CannotRun("no engine answers") from None
    try:
        output([*argv, "image", "inspect", IMAGE])
    except CannotRun:
        output([*argv, "import", *_CHANGES, _archive(ground), IMAGE])
        ground.stack.callback(try_output, [*argv, "rmi", "--force", IMAGE])
    return argv


def _archive(ground: Ground) -> str:
    archive = ground.folder / "root.tar"
    if not archive.exists():
        output(["tar", "-C", str(ground.root), "-cf", str(archive), "."])
    return str(archive)


def _leave_no_mounts(folder: str) -> None:
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        points = [line.split(" ")[4] for line in file]
    for point in reversed(points):
        if point.startswith(folder + os.sep):
            try_output(["umount", "--lazy", point])
