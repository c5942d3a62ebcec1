"""Mounts of every kind that a launch makes, and the calls that it makes them with."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator

from ecirun.doctor.finding import SECCOMP, SYS_ADMIN, Finding, in_docker
from ecirun.doctor.trial import attempt
from ecirun.errors import LaunchFailed
from ecirun.linux import mount, openat2, process
from ecirun.linux.devices import DEVICE_NUMBERS
from ecirun.linux.proc import in_first_namespace
from ecirun.record import Record
from ecirun.runtime import makeshift
from ecirun.runtime.makeshift import Makeshift
from ecirun.runtime.private_tree import check_device

PLACE = "/dev"  # a directory that every root has, covered in the trial's own mount namespace only
SAFE = mount.flags(("nosuid", "nodev", "noexec"))
OWN_PROCESSES = process.CLONE_NEWNS | process.CLONE_NEWPID
OWN_NETWORK = process.CLONE_NEWNS | process.CLONE_NEWNET | process.CLONE_NEWIPC
SYSCTLS = ("net/core/somaxconn", "kernel/msgmax")


class _Needed(Record):
    name: str
    means: str
    verb: str
    work: Callable[[], str | None]
    namespaces: int = process.CLONE_NEWNS


def findings(store: str) -> Iterator[Finding]:
    """In the order in which a launch would meet them."""
    yield from (_needed(entry) for entry in NEEDED)
    yield from (_or_instead(entry, instead) for entry, instead in NEEDED_OF_THE_KERNEL)
    yield _devices()
    yield _overlay(store)


def _needed(entry: _Needed) -> Finding:
    trial = attempt(entry.work, namespaces=entry.namespaces)
    finding = Finding(entry.name, entry.means)
    if trial.worked:
        return finding
    fix = "use Linux 5.12 or newer" if trial.errno == errno.ENOSYS else in_docker(SYS_ADMIN, SECCOMP)
    return finding._replace(says=f"Can't {entry.verb}: {trial.reason}", fix=fix)


def _or_instead(entry: _Needed, instead: Makeshift) -> Finding:
    """What a pod can make do without in a user namespace, and only there."""
    finding = _needed(entry)
    if in_first_namespace("user"):
        return finding
    finding = finding._replace(needed=False)
    return finding._replace(says=instead.says, fix=instead.fix) if finding.says else finding


def _mount_tmpfs() -> None:
    mount.mount("tmpfs", PLACE, SAFE)


def _mount_by_descriptors() -> None:
    made = mount.new_filesystem("tmpfs", {"mode": "0755"}, mount.SAFE)
    mount.mount_setattr(made, add=mount.MOUNT_ATTR_RDONLY)
    place = os.open(PLACE, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    mount.move_mount(made, place, PLACE)
    os.close(mount.open_tree(PLACE, recursive=True))


def _pivot() -> None:
    mount.mount("tmpfs", PLACE, SAFE)
    os.chdir(PLACE)
    mount.pivot_root(".", ".")
    mount.umount2(".", mount.MNT_DETACH)


def _open_beneath() -> None:
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    os.close(openat2.open_in_root(root, PLACE))


NEEDED = (
    _Needed("mount", "mounts file systems", "mount a tmpfs", _mount_tmpfs),
    _Needed("mount-api", "mounts by descriptors, which no path can race", "mount by descriptors", _mount_by_descriptors),
    _Needed("pivot-root", "leaves the host's files behind", "change the root", _pivot),
    _Needed("openat2", "opens an image's paths and never leaves it", "open a path inside a root", _open_beneath, 0),
    _Needed("keyring", "keeps the caller's keys from pods", "start a session keyring", process.new_session_keyring, 0),
)


def _mount_proc() -> None:
    mount.mount("proc", PLACE, SAFE)


def _open_sysctls() -> None:
    proc = mount.new_filesystem("proc", {}, mount.SAFE)
    for path in SYSCTLS:
        os.close(openat2.open_beneath(proc, f"sys/{path}", os.O_RDWR))


def _mount_sysfs() -> None:
    mount.mount("sysfs", PLACE, SAFE | mount.MS_RDONLY)


NEEDED_OF_THE_KERNEL = (
    (_Needed("proc", "shows a pod its own processes", "mount /proc", _mount_proc, OWN_PROCESSES), makeshift.NO_PROC),
    (_Needed("proc-sys", "sets a pod's sysctls", "write /proc/sys", _open_sysctls, OWN_NETWORK), makeshift.NO_SYSCTLS),
    (_Needed("sysfs", "shows a pod its own interfaces", "mount /sys", _mount_sysfs, OWN_NETWORK), makeshift.NO_SYSFS),
)


def _devices() -> Finding:
    finding = Finding("devices", "lends pods the host's " + " ".join(DEVICE_NUMBERS), found=f"{len(DEVICE_NUMBERS)} nodes")
    try:
        for name in DEVICE_NUMBERS:
            check_device(name)
    except LaunchFailed as error:
        return finding._replace(found="", says=error.message, fix=error.hint)
    return finding


def _overlay(store: str) -> Finding:
    lower = store if os.path.isdir(store) else "/usr"

    def overlay() -> None:
        mount.mount("tmpfs", PLACE, mount.MS_NODEV)
        for folder in ("upper", "work"):
            os.mkdir(f"{PLACE}/{folder}")
        layers = {"lowerdir": lower, "upperdir": f"{PLACE}/upper", "workdir": f"{PLACE}/work"}
        os.close(mount.new_filesystem("overlay", layers))

    finding = Finding("overlay", "--writable-root, and mount points that an image lacks", needed=False, found=f"on {lower}")
    trial = attempt(overlay, namespaces=process.CLONE_NEWNS)
    if trial.worked:
        return finding
    fix = "sudo modprobe overlay" if trial.errno == errno.ENODEV else "move the store to another file system with --store"
    return finding._replace(found="", says=f"Can't put an overlay on {lower}: {trial.reason}", fix=fix)
