"""What a container sees where: the mounts of containerd's default spec under ECI's rules, and the pod's volumes.

Everything but devpts and the single device nodes is `nodev`: MKNOD is a default capability.
"""

from __future__ import annotations

from collections.abc import Iterable

from ecirun.plan.facts import ImageFacts
from ecirun.plan.model import File, Groundwork, Mount, Root, Volume
from ecirun.policy.load import Policy
from ecirun.spec.pod import Container, Pod

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
SAFE = ("nosuid", "nodev", "noexec")

KERNEL_MOUNTS = (
    Mount("/proc", "proc", SAFE),
    Mount("/dev", "tmpfs", ("nosuid", "nodev"), {"mode": "0755", "size": "65536k"}),
    Mount("/dev/pts", "devpts", ("nosuid", "noexec"), {"ptmxmode": "0666", "mode": "0620", "gid": "5"}),
    Mount("/dev/shm", "shared", SAFE, source="shm"),
    Mount("/dev/mqueue", "shared", SAFE, source="mqueue"),
    Mount("/sys", "sysfs", ("ro", *SAFE)),
)

# What the kubelet and containerd put under /dev on top of the mounts: made by the launch, so a volume may not need to.
MADE_BY_LAUNCH = ("/dev", "/proc", "/sys")

QUANTITY_SUFFIXES = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "k": 10**3, "M": 10**6, "G": 10**9}


def pod_files(pod: Pod, hostname: str, address: str) -> tuple[File, ...]:
    """The files that the kubelet manages for every container (pkg/kubelet/kubelet_pods.go)."""
    hosts = (
        "# Kubernetes-managed hosts file.\n"
        "127.0.0.1\tlocalhost\n"
        "::1\tlocalhost ip6-localhost ip6-loopback\n"
        "fe00::0\tip6-localnet\n"
        "fe00::0\tip6-mcastprefix\n"
        "fe00::1\tip6-allnodes\n"
        "fe00::2\tip6-allrouters\n"
        f"{address}\t{hostname}\n"
    )
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
            target = "/" + entry.mount_path.strip("/")
            options = ("ro", "nodev") if entry.read_only else ("nodev",)
            mounts[target] = Mount(target, "volume", options, source=f"volume:{entry.name}")
    return _parents_first(mounts.values())


def _parents_first(mounts: Iterable[Mount]) -> tuple[Mount, ...]:
    return tuple(sorted(mounts, key=lambda mount: mount.target.rstrip("/").count("/")))


def root_of(image: ImageFacts, mounts: tuple[Mount, ...], cwd: str, *, writable: bool) -> Root:
    """The root: the image's tree as it is, or under an overlay when it is writable or lacks a mount point."""
    missing = []
    for mount in mounts:
        inside = any(mount.target.startswith(top + "/") for top in MADE_BY_LAUNCH)
        if not inside and image.kind_of(mount.target) is None:
            missing.append(mount.target)
    covered = any(cwd == mount.target or cwd.startswith(mount.target + "/") for mount in mounts)
    if not covered and image.kind_of(cwd) is None:
        missing.append(cwd)
    return Root(image.rootfs, not writable, writable or bool(missing), tuple(missing))
