"""What a container sees where: the mounts of containerd's default spec under ECI's rules, and the pod's volumes.

Everything but devpts and the single device nodes is `nodev`: MKNOD is a default capability.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from ecirun.errors import ImageBroken, LaunchFailed
from ecirun.plan.environment import expand
from ecirun.plan.facts import ImageFacts
from ecirun.plan.model import Groundwork, Mount, Root, Volume
from ecirun.policy.load import Policy
from ecirun.spec.pod import Container, VolumeMount

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
NODES = tuple(f"/dev/{name}" for name in DEVICES)
SAFE = ("nosuid", "nodev", "noexec")

_REFERENCE = r"\$\(([^)]*)\)"

KERNEL_SYS = Mount("/sys", "sysfs", ("ro", *SAFE))
KERNEL_MOUNTS = (
    Mount("/proc", "proc", SAFE),
    Mount("/dev", "tmpfs", ("nosuid", "nodev"), {"mode": "0755", "size": "65536k"}),
    Mount("/dev/pts", "devpts", ("nosuid", "noexec"), {"ptmxmode": "0666", "mode": "0620", "gid": "5"}),
    Mount("/dev/shm", "shared", SAFE, source="shm"),
    Mount("/dev/mqueue", "shared", SAFE, source="mqueue"),
    KERNEL_SYS,
    Mount("/sys/fs/cgroup", "cgroup", ("ro", *SAFE), source="cgroup"),
)


def usual_groundwork(policy: Policy) -> Groundwork:
    """What nearly every container under this policy begins with, so that it can be made before the container is known."""
    return _groundwork(policy.masked_paths, policy.read_only_paths)


@lru_cache(maxsize=16)
def _groundwork(masked_paths: tuple[str, ...], read_only_paths: tuple[str, ...]) -> Groundwork:
    return Groundwork(_parents_first(KERNEL_MOUNTS), DEVICES, masked_paths, read_only_paths)


def declared_volumes(container: Container, image: ImageFacts) -> dict[str, Volume]:
    """A throw-away volume for each VOLUME of the image, by where it is mounted, unless the pod mounts something there.

    It begins with what the image has there, or as an empty directory of root's (containerd
    internal/cri/server/container_create.go, volumeMounts, and internal/cri/opts/container.go, WithVolumes).
    """
    taken = {_clean(entry.mount_path) for entry in container.volume_mounts} | {mount.target for mount in KERNEL_MOUNTS}
    volumes: dict[str, Volume] = {}
    for target in sorted({_clean(f"/{path}") for path in image.volumes} - taken - {"/"}):
        name = f"{container.name}.volume-{len(volumes)}"  # no volume of a spec has a dot in its name
        sub_path = target if image.present and image.kind_of(target) == "dir" else ""
        volumes[target] = Volume(name, "declared", path=image.rootfs, sub_path=sub_path)
    return volumes


def container_mounts(
    container: Container,
    volumes: tuple[Volume, ...],
    declared: Mapping[str, Volume],
    env: Mapping[str, str],
    *,
    read_only_root: bool,
) -> tuple[Mount, ...]:
    """All mounts of the container, parents before children; a volume replaces a default mount at the same path.

    `declared` are the volumes that its image declares, by where they are mounted; `env` is what subPathExpr is expanded with.
    Raises LaunchFailed.
    """
    read_only = ("ro",) if read_only_root else ()
    mounts = {mount.target: mount for mount in KERNEL_MOUNTS}
    for name in ("hosts", "hostname", "resolv.conf"):
        mounts[f"/etc/{name}"] = Mount(f"/etc/{name}", "file", (*read_only, "nodev"), source=f"file:{name}")
    message = _clean(container.termination_message_path)
    mounts[message] = Mount(message, "file", SAFE, source=f"file:termination-log.{container.name}")
    for target, volume in declared.items():
        mounts[target] = Mount(target, "volume", ("nodev",), source=f"volume:{volume.name}")
    by_name = {volume.name: volume for volume in volumes}
    for entry in container.volume_mounts:
        volume = by_name[entry.name]
        target = _clean(entry.mount_path)
        options = ("ro", "nodev") if entry.read_only or volume.read_only else ("nodev",)
        if volume.kind == "image":
            options = (*options, "noexec")
        sub_path = _sub_path(container, entry, env)
        mounts[target] = Mount(target, "volume", options, source=f"volume:{entry.name}", sub_path=sub_path)
    if any(mounts.get(parent, KERNEL_SYS) != KERNEL_SYS for parent in ("/sys", "/sys/fs")):
        # Under what the pod itself mounts there, there is no place for the kernel's.
        mounts = {target: mount for target, mount in mounts.items() if mount.source != "cgroup"}
    return _parents_first(mounts.values())


def _clean(path: str) -> str:
    # As containerd does (internal/cri/opts/spec_linux_opts.go), so that one place has one name.
    return "/" + posixpath.normpath(path).strip("/")


def _sub_path(container: Container, entry: VolumeMount, env: Mapping[str, str]) -> str:
    """The part of the volume that is mounted (Kubernetes pkg/kubelet/kubelet_pods.go, makeMounts)."""
    if not entry.sub_path_expr:
        return entry.sub_path
    unknown = [name for name in re.findall(_REFERENCE, entry.sub_path_expr.replace("$$", "")) if not env.get(name)]
    path = expand(entry.sub_path_expr, env)
    problem = f'missing value for "{unknown[0]}"' if unknown else ""
    if path.startswith("/"):
        problem = problem or f"must be a relative path: {path}"
    elif ".." in path.split("/"):
        problem = problem or f"must not contain '..': {path}"
    if problem:
        raise LaunchFailed(
            f'Can\'t mount volume "{entry.name}" in container "{container.name}": subPathExpr: {problem}',
            step="mounts",
            hint="set the variable to the name of a folder in the volume",
        )
    return path


def _parents_first(mounts: Iterable[Mount]) -> tuple[Mount, ...]:
    return tuple(sorted(mounts, key=lambda mount: mount.target.rstrip("/").count("/")))


def root_of(image: ImageFacts, mounts: tuple[Mount, ...], cwd: str, *, writable: bool) -> Root:
    """The root: the image's tree as it is, or under an overlay when it is writable or lacks a mount point.

    Raises LaunchFailed or ImageBroken for a mount that the image has no place for.
    """
    targets = [mount.target for mount in mounts]
    missing = []
    for mount in mounts:
        if mount.target in NODES:
            kind: str | None = "other"
        elif _covered(mount.target, targets):
            continue  # made at launch, in the mount that covers it
        else:
            kind = image.kind_of(mount.target)
        if kind is None:
            missing.append(mount.target)
        elif image.present:
            _check_place(mount, kind)
    if cwd not in targets and not _covered(cwd, targets) and image.kind_of(cwd) is None:
        missing.append(cwd)
    return Root(image.rootfs, not writable, writable or bool(missing), tuple(missing))


def _covered(path: str, targets: Iterable[str]) -> bool:
    return any(path.startswith(target + "/") for target in targets)


def _check_place(mount: Mount, kind: str) -> None:
    """A directory is mounted on a directory and a file on a file; /proc, /sys and /dev are looked at more closely at launch."""
    if mount.sub_path:
        return  # what it is will be seen when the volume is there
    if mount.type == "volume" and kind != "dir":
        raise LaunchFailed(
            f'Can\'t mount volume "{mount.source.partition(":")[2]}" on {mount.target}: it is not a directory in the image',
            hint="choose a mountPath that is a directory or does not exist",
        )
    if mount.type == "file" and kind == "dir":
        raise ImageBroken(f"Can't mount {mount.target}: it is a directory in the image", hint="make it a file in the image")
