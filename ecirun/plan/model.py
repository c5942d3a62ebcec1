"""The plan of a pod: every decision of a launch as plain data that prints as JSON.

Nothing below the plan decides anything; `ecirun.runtime` only carries it out.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

Scope = Literal["pod", "shadow", "refused", "host", "unknown"]
NetworkMode = Literal["loopback", "bridge", "none"]


class User(NamedTuple):
    """The uid, its name in the image's passwd, and the field or file that decided."""

    uid: int
    name: str
    origin: str


class Group(NamedTuple):
    """A gid and the field or file that decided."""

    gid: int
    origin: str


class CapabilitySet(NamedTuple):
    """Capability names without CAP_, sorted by number, and the mask as /proc/self/status prints it."""

    names: tuple[str, ...]
    mask: str


class Capabilities(NamedTuple):
    """The five sets as they are after exec of a program without file capabilities."""

    bounding: CapabilitySet
    permitted: CapabilitySet
    effective: CapabilitySet
    inheritable: CapabilitySet
    ambient: CapabilitySet


class Sysctl(NamedTuple):
    """One sysctl: its canonical name, its value, its path below /proc/sys, and what becomes of it."""

    name: str
    value: str
    path: str
    scope: Scope
    reason: str


class Mount(NamedTuple):
    """One mount of a container, in order. `source` names a pod-wide mount (`shm`, `mqueue`, `volume:NAME`, `file:NAME`)."""

    target: str
    type: str
    options: tuple[str, ...] = ()
    data: dict[str, str] = {}  # noqa: RUF012  (never changed)
    source: str = ""


class Root(NamedTuple):
    """The root file system: the image's unpacked tree, read-only, with a throw-away overlay when something must be added."""

    path: str
    read_only: bool
    overlay: bool
    create: tuple[str, ...] = ()  # directories, and files for "file:" mounts, to be made in the overlay


class Volume(NamedTuple):
    """A pod-wide throw-away directory (emptyDir). `size` as tmpfs takes it, or empty; `gid` is the fsGroup or None."""

    name: str
    size: str
    gid: int | None


class File(NamedTuple):
    """A file that the kubelet would manage, such as /etc/hosts."""

    name: str
    content: str
    mode: int


class Network(NamedTuple):
    """How the pod is connected; `address` is empty but for `bridge`, where it is chosen at launch."""

    mode: NetworkMode
    interfaces: tuple[str, ...]


class Command(NamedTuple):
    """What is executed. `origin` says which of image and spec gave the parts."""

    argv: tuple[str, ...]
    origin: str
    env: dict[str, str]
    cwd: str
    terminal: bool


class ContainerPlan(NamedTuple):
    """One container."""

    name: str
    image: str
    image_digest: str
    user: User
    group: Group
    supplementary_groups: tuple[Group, ...]
    capabilities: Capabilities
    no_new_privs: bool
    no_new_privs_origin: str
    root: Root
    mounts: tuple[Mount, ...]
    devices: tuple[str, ...]
    masked_paths: tuple[str, ...]
    read_only_paths: tuple[str, ...]
    command: Command
    umask: str
    stop_signal: str
    assumptions: tuple[str, ...]
    notes: tuple[str, ...]


class PodPlan(NamedTuple):
    """A pod, ready to launch."""

    policy: str
    name: str
    namespace: str
    hostname: str
    kind: str
    file: str
    network: Network
    sysctls: tuple[Sysctl, ...]
    volumes: tuple[Volume, ...]
    files: tuple[File, ...]
    containers: tuple[ContainerPlan, ...]
    grace_period_seconds: int
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The plan as `plan -o json` prints it."""
        return {"schema_version": 1, **_plain(self)}


def _plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        return {key: _plain(item) for key, item in value._asdict().items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value
