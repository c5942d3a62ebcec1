"""What a container sees where: the mounts of containerd's default spec under ECI's rules, and the pod's volumes.

Everything but devpts and the single device nodes is `nodev`: MKNOD is a default capability.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from ecirun.errors import ImageBroken, LaunchFailed
from ecirun.plan.facts import ImageFacts
from ecirun.plan.model import File, Groundwork, Mount, Network, Root, Volume
from ecirun.policy.load import Policy
from ecirun.spec.pod import Container, Pod

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
NODES = tuple(f"/dev/{name}" for name in DEVICES)
SAFE = ("nosuid", "nodev", "noexec")

KERNEL_MOUNTS = (
    Mount("/proc", "proc", SAFE),
    Mount("/dev", "tmpfs", ("nosuid", "nodev"), {"mode": "0755", "size": "65536k"}),
    Mount("/dev/pts", "devpts", ("nosuid", "noexec"), {"ptmxmode": "0666", "mode": "0620", "gid": "5"}),
    Mount("/dev/shm", "shared", SAFE, source="shm"),
    Mount("/dev/mqueue", "shared", SAFE, source="mqueue"),
    Mount("/sys", "sysfs", ("ro", *SAFE)),
)

QUANTITY_SUFFIXES = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "k": 10**3, "M": 10**6, "G": 10**9}


def pod_files(pod: Pod, hostname: str, network: Network) -> tuple[File, ...]:
    """The files that the kubelet manages for every container (pkg/kubelet/kubelet_pods.go).

    The last line of /etc/hosts names the pod by its address; without a network there is none.
    """
    hosts = (
        "# Kubernetes-managed hosts file.\n"
        "127.0.0.1\tlocalhost\n"
        "::1\tlocalhost ip6-localhost ip6-loopback\n"
        "fe00::0\tip6-localnet\n"
        "fe00::0\tip6-mcastprefix\n"
        "fe00::1\tip6-allnodes\n"
        "fe00::2\tip6-allrouters\n"
    )
    if network.mode != "none":
        hosts += f"{network.address}\t{hostname}\n"
    ends = (File(f"termination-log.{container.name}", "", 0o666) for container in (*pod.init_containers, *pod.containers))
    return (
        File("hosts", hosts, 0o644),
        File("hostname", hostname + "\n", 0o644),
        File("resolv.conf", "", 0o644),
        *ends,
    )


def usual_groundwork(policy: Policy) -> Groundwork:
    """What nearly every container under this policy begins with, so that it can be made before the container is known."""
    return Groundwork(_parents_first(KERNEL_MOUNTS), DEVICES, policy.masked_paths, policy.read_only_paths)


def pod_volumes(pod: Pod) -> tuple[tuple[Volume, ...], list[str]]:
    """The volumes that can be made, and a warning for each that cannot."""
    volumes, warnings = [], []
    for volume in pod.volumes:
        if volume.source in ("emptyDir", ""):
            size = _tmpfs_size(volume.options.get("sizeLimit"))
            volumes.append(Volume(volume.name, size, pod.security_context.fs_group))
        else:
            warnings.append(f'volume "{volume.name}" ({volume.source}) is not mounted: only emptyDir is supported so far')
    return tuple(volumes), warnings


def _tmpfs_size(limit: object) -> str:
    text = str(limit) if limit else ""
    for suffix, factor in QUANTITY_SUFFIXES.items():
        if text.endswith(suffix) and text[: -len(suffix)].isdecimal():
            return str(int(text[: -len(suffix)]) * factor)
    return text if text.isdecimal() else ""


def container_mounts(container: Container, volumes: tuple[Volume, ...], read_only_root: bool) -> tuple[Mount, ...]:
    """All mounts of the container, parents before children; a volume replaces a default mount at the same path."""
    read_only = ("ro",) if read_only_root else ()
    mounts = {mount.target: mount for mount in KERNEL_MOUNTS}
    for name in ("hosts", "hostname", "resolv.conf"):
        mounts[f"/etc/{name}"] = Mount(f"/etc/{name}", "file", (*read_only, "nodev"), source=f"file:{name}")
    mounts["/dev/termination-log"] = Mount(
        "/dev/termination-log", "file", SAFE, source=f"file:termination-log.{container.name}"
    )
    made = {volume.name for volume in volumes}
    for entry in container.volume_mounts:
        if entry.name in made:
            # Cleaned as containerd does (internal/cri/opts/spec_linux_opts.go), so that one place has one name.
            target = "/" + posixpath.normpath(entry.mount_path).strip("/")
            options = ("ro", "nodev") if entry.read_only else ("nodev",)
            mounts[target] = Mount(target, "volume", options, source=f"volume:{entry.name}")
    return _parents_first(mounts.values())


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
        else:
            _check_place(mount, kind)
    if cwd not in targets and not _covered(cwd, targets) and image.kind_of(cwd) is None:
        missing.append(cwd)
    return Root(image.rootfs, not writable, writable or bool(missing), tuple(missing))


def _covered(path: str, targets: Iterable[str]) -> bool:
    return any(path.startswith(target + "/") for target in targets)


def _check_place(mount: Mount, kind: str) -> None:
    """A directory is mounted on a directory and a file on a file; /proc, /sys and /dev are looked at more closely at launch."""
    if mount.type == "volume" and kind != "dir":
        raise LaunchFailed(
            f'Can\'t mount volume "{mount.source.partition(":")[2]}" on {mount.target}: it is not a directory in the image',
            hint="choose a mountPath that is a directory or does not exist",
        )
    if mount.type == "file" and kind == "dir":
        raise ImageBroken(f"Can't mount {mount.target}: it is a directory in the image", hint="make it a file in the image")
