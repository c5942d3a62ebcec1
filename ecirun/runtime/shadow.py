"""Shadow sysctls: the workload reads the value that the pod asks for, and the kernel does not act on it.

A key that exists in the pod's /proc/sys gets a file bound over it. One that does not exist there cannot: procfs has no
place for it, and overlayfs refuses procfs. So the deepest directory that exists is covered by a copy: a tmpfs directory in
which every entry is the real one, bound, beside the shadow files.
"""

from __future__ import annotations

import os

from ecirun.linux import mount, openat2
from ecirun.plan.model import Sysctl
from ecirun.runtime import sandbox_steps

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from ecirun.runtime.tree_steps import Bench

SHADOWED = ("shadow", "host")


class WriteShadow:
    """Put the value on the bench (in the supervisor)."""

    name = "shadow-sysctls"

    def __init__(self, sysctl: Sysctl) -> None:
        self.sysctl = sysctl

    def describe(self) -> str:
        return f'prepare shadow sysctl {self.sysctl.name} = "{self.sysctl.value}"'

    def run(self, bench: sandbox_steps.Bench) -> None:
        path = bench.at("sysctl", self.sysctl.path.replace("/", ","))
        with open(path, "w", opener=_new_file) as file:
            file.write("\t".join(self.sysctl.value.split()) + "\n")


class ShowShadows:
    """Let the container's /proc/sys show them (in its tree, once /proc is there)."""

    name = "show-sysctls"

    def __init__(self, paths: tuple[str, ...]) -> None:
        self.paths = paths

    def describe(self) -> str:
        return "show " + ", ".join(self.paths) + " in /proc/sys"

    def run(self, bench: Bench) -> None:
        for path in self.paths:
            show(bench, path)


def show(bench: Bench, path: str) -> None:
    """Bind the supervisor's file over /proc/sys/`path`, covering its directory first when the key is not there."""
    directory = "proc/sys"
    parts = path.split("/")
    for part in parts[:-1]:
        deeper = f"{directory}/{part}"
        if not _exists(bench.root, deeper):
            break
        directory = deeper
    if not _exists(bench.root, f"proc/sys/{path}"):
        _cover(bench, directory, parts[directory.count("/") - 1 :])
    source = bench.mounts.pop(key_of(path))
    target = openat2.open_in_root(bench.root, f"proc/sys/{path}")
    mount.move_mount(source, target, path)
    os.close(target)
    os.close(source)


def _cover(bench: Bench, directory: str, missing: list[str]) -> None:
    """Cover `directory` of the container's /proc/sys with a copy that has room for the path `missing`."""
    real = openat2.open_in_root(bench.root, directory, os.O_RDONLY | os.O_DIRECTORY)
    entries = [(name, os.stat(name, dir_fd=real, follow_symlinks=False).st_mode) for name in os.listdir(real)]
    originals = [(name, mount.open_tree(name, dir_fd=real, recursive=True)) for name, _mode in entries]
    cover = mount.new_filesystem("tmpfs", {"mode": "0555", "size": "1m"}, mount.SAFE)
    mount.move_mount(cover, real, directory)
    for name, mode in entries:
        _placeholder(cover, name, is_directory=mode & 0o170000 == 0o040000)
    for name, original in originals:
        target = openat2.open_in_root(cover, name)
        mount.move_mount(original, target, name)
        os.close(target)
        os.close(original)
    parent = os.dup(cover)
    for depth, part in enumerate(missing):
        _placeholder(parent, part, is_directory=depth < len(missing) - 1)
        if depth < len(missing) - 1:
            deeper = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=parent)
            os.close(parent)
            parent = deeper
    mount.mount_setattr(cover, add=mount.MOUNT_ATTR_RDONLY, what=directory)
    os.close(parent)
    os.close(cover)
    os.close(real)


def _placeholder(directory: int, name: str, *, is_directory: bool) -> None:
    if is_directory:
        os.mkdir(name, 0o555, dir_fd=directory)
    else:
        os.mknod(name, 0o100444, dir_fd=directory)


def _exists(root: int, path: str) -> bool:
    try:
        os.close(openat2.open_in_root(root, path))
    except FileNotFoundError:
        return False
    return True


def _new_file(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL | os.O_CLOEXEC, 0o644)


def shadowed(sysctls: tuple[Sysctl, ...]) -> tuple[str, ...]:
    """The paths below /proc/sys of the sysctls that a container is only shown."""
    return tuple(sysctl.path for sysctl in sysctls if sysctl.scope in SHADOWED)


def key_of(path: str) -> str:
    """The name under which the supervisor sends the file of a shadow to a container's process."""
    return f"sysctl:{path}"
