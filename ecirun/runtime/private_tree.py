"""What a launcher and its supervisors see of the host: all of it read-only, and a tree of their own for the state folder.

/run/ecirun/state        the state folder, which can be written
/run/ecirun/bench        where each supervisor mounts its pod's work space
/run/ecirun/null …       the host's device nodes, read-only, so that nobody changes their owner or mode on the host
/run/ecirun/empty        an empty directory, for masks
"""

from __future__ import annotations

import contextlib
import os
import stat

from ecirun.errors import LaunchFailed
from ecirun.linux import cgroup, mount, process
from ecirun.linux.devices import DEVICE_NUMBERS
from ecirun.runtime.state import STATE

TEMPLATES = STATE
STATE_INSIDE = f"{TEMPLATES}/state"
BENCH = f"{TEMPLATES}/bench"

NODE_FLAGS = mount.flags(("ro", "nosuid", "noexec"))


def enter(hierarchies: tuple[cgroup.Hierarchy, ...]) -> None:
    """Move this process into a mount namespace that follows the host's and looks so. Raises OSError or LaunchFailed."""
    process.unshare(process.CLONE_NEWNS)
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    mount.mount_setattr(root, propagation=mount.MS_SLAVE, recursive=True, what="/")
    state = mount.open_tree(STATE)
    mount.mount_setattr(root, add=mount.MOUNT_ATTR_RDONLY, recursive=True, what="/")
    os.close(root)
    for hierarchy in hierarchies:
        point = os.open(hierarchy.mount, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        with contextlib.suppress(PermissionError):  # a surrounding user namespace may have it read-only for good
            mount.mount_setattr(point, remove=mount.MOUNT_ATTR_RDONLY, what=hierarchy.mount)
        os.close(point)
    mount.mount("tmpfs", TEMPLATES, mount.flags(("nosuid", "nodev")), "mode=0700,size=64k")
    for folder in ("state", "bench", "empty"):
        os.mkdir(f"{TEMPLATES}/{folder}", 0o755)
    mount.bind(f"{TEMPLATES}/empty", f"{TEMPLATES}/empty")
    mount.remount_bind(f"{TEMPLATES}/empty", mount.flags(("ro", "nosuid", "nodev", "noexec")))
    attach(state, STATE_INSIDE)
    for name in DEVICE_NUMBERS:
        _bind_device(name)


def check_device(name: str) -> None:
    """Raises LaunchFailed when the host's device node of that name is not what it should be."""
    major, minor = DEVICE_NUMBERS[name]
    try:
        status = os.stat(f"/dev/{name}")
        real = stat.S_ISCHR(status.st_mode) and status.st_rdev == os.makedev(major, minor)
    except FileNotFoundError:
        real = False
    if not real:
        raise LaunchFailed(
            f"Can't use the host's /dev/{name}: it is not character device {major}:{minor}",
            step="devices",
            hint="repair /dev on this host",
        )


def _bind_device(name: str) -> None:
    check_device(name)
    os.mknod(f"{TEMPLATES}/{name}", 0o100600)
    mount.bind(f"/dev/{name}", f"{TEMPLATES}/{name}")
    mount.remount_bind(f"{TEMPLATES}/{name}", NODE_FLAGS)


def attach(descriptor: int, path: str) -> None:
    """Attach an unattached mount to a directory and close its descriptor."""
    target = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        mount.move_mount(descriptor, target, path)
    finally:
        os.close(target)
        os.close(descriptor)
