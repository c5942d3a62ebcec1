"""The plan of a pod: every decision of a launch as plain data that prints as JSON and is read back from it.

Nothing below the plan decides anything; `ecirun.runtime` only carries it out. One thing is known at launch only: the address
of a pod on a bridge. Where a value holds it, the plan holds POD_IP.
"""

from __future__ import annotations

import json
from functools import lru_cache

from ecirun.record import Record

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Any, Literal, TypeAlias

Scope: TypeAlias = 'Literal["pod", "shadow", "refused", "host", "unknown"]'
NetworkMode: TypeAlias = 'Literal["loopback", "bridge", "none"]'
Role: TypeAlias = 'Literal["init", "sidecar", "app"]'
RestartPolicy: TypeAlias = 'Literal["Always", "OnFailure", "Never"]'

# No string of a spec can hold a NUL, so nothing else can look like this.
POD_IP = "\0podIP\0"

HIDDEN = "(secret)"
RUNS_ONCE = "restartPolicy is not set, and in the foreground the pod runs once"
UNKNOWN_YET = "(known at launch)"

CLUSTER_DOMAIN = "cluster.local"
# Where pods on the bridge ask for each other's names; see ecirun.runtime.names.
NAME_SERVER = "127.0.0.11"


class User(Record):
    """The uid, its name in the image's passwd, and the field or file that decided."""

    uid: int
    name: str
    origin: str


class Group(Record):
    """A gid and the field or file that decided."""

    gid: int
    origin: str


class CapabilitySet(Record):
    """Capability names without CAP_, sorted by number, and the mask as /proc/self/status prints it."""

    names: tuple[str, ...]
    mask: str


class Capabilities(Record):
    """The five sets as they are after exec of a program without file capabilities."""

    bounding: CapabilitySet
    permitted: CapabilitySet
    effective: CapabilitySet
    inheritable: CapabilitySet
    ambient: CapabilitySet


class Sysctl(Record):
    """One sysctl: its canonical name, its value, its path below /proc/sys, and what becomes of it."""

    name: str
    value: str
    path: str
    scope: Scope
    reason: str


class Mount(Record):
    """One mount of a container, in order.

    `source` names what the pod holds (`shm`, `mqueue`, `volume:NAME`, `file:NAME`) and is empty for a new file system of the
    kernel's; `sub_path` is the part of a volume that is mounted.
    """

    target: str
    type: str
    options: tuple[str, ...] = ()
    data: dict[str, str] = {}  # noqa: RUF012  (never changed)
    source: str = ""
    sub_path: str = ""


class Root(Record):
    """The root file system: the image's unpacked tree, read-only, with a throw-away overlay when something must be added."""

    path: str
    read_only: bool
    overlay: bool
    create: tuple[str, ...] = ()  # directories, and files for "file:" mounts, to be made in the overlay


class VolumeFile(Record):
    """A file of a volume, by its path in it. Bytes that are not UTF-8 are surrogates in `content`; `secret` is not shown."""

    path: str
    content: str
    mode: int
    secret: bool = False


class Volume(Record):
    """What containers mount as `volume:NAME`.

    `directory` is a new folder on the disk, `memory` a tmpfs, `files` a tmpfs with files that nobody may write, `mapped` a
    folder of the host that the user has mapped, `image` the root of an image, `declared` a VOLUME of an image: a throw-away
    copy of what the image has at `sub_path`, or where that is empty a new folder of root's; an `unknown` one is in plans to
    look at only. `size` is in bytes: a tmpfs has no more, and with more in a directory the pod is evicted. `gid` is the
    fsGroup that is to own it, or None; with `owned_once` only where the top of it is not owned so already. `path` is the
    folder of the host.
    """

    name: str
    kind: Literal["directory", "memory", "files", "mapped", "image", "declared", "unknown"]
    size: int | None = None
    gid: int | None = None
    owned_once: bool = False
    path: str = ""
    read_only: bool = False
    files: tuple[VolumeFile, ...] = ()
    limit: str = ""  # the size as the spec has it, for messages
    sub_path: str = ""


class File(Record):
    """A file that the kubelet would manage, such as /etc/hosts."""

    name: str
    content: str
    mode: int


class Network(Record):
    """How the pod is connected; `address` is POD_IP for `bridge`, where it is chosen at launch."""

    mode: NetworkMode
    interfaces: tuple[str, ...]
    address: str


class Command(Record):
    """What is executed. `origin` says which of image and spec gave the parts."""

    argv: tuple[str, ...]
    origin: str
    env: dict[str, str]
    cwd: str
    terminal: bool
    secret_env: tuple[str, ...] = ()  # the variables whose values come from Secrets, and are not shown
    secret_words: tuple[int, ...] = ()  # which words of argv mention such a variable

    @property
    def shown_argv(self) -> tuple[str, ...]:
        """argv without secrets."""
        return tuple(HIDDEN if number in self.secret_words else word for number, word in enumerate(self.argv))


class Limits(Record):
    """What the container's control group allows; None where nothing is limited.

    `cpu_shares` as cgroup version 1 counts them (1024 for one cpu), `cpu_quota` in microseconds of each 100 ms, `memory` in
    bytes, `pids` in processes and threads.
    """

    cpu_shares: int | None = None
    cpu_quota: int | None = None
    memory: int | None = None
    pids: int | None = None


NO_LIMITS = Limits()
# Of a container that asks for nothing. Its processes are limited all the same: a fork bomb stays in the pod. They are enough
# for what a test does.
USUAL_LIMITS = Limits(cpu_shares=2, pids=4096)


class Size(Record):
    """The instance that ECI would make for the pod: `cpu` in vCPU, `memory` in GiB, and what decided."""

    cpu: float
    memory: float
    origin: str


class Action(Record):
    """What a probe or hook does. `host` is empty for the pod itself; `seconds` is for sleep; for a hook any answer is fine."""

    kind: Literal["exec", "httpGet", "tcpSocket", "sleep", "grpc"]
    command: tuple[str, ...] = ()
    scheme: str = "HTTP"
    host: str = ""
    port: int = 0
    path: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    seconds: int = 0
    is_hook: bool = False


class Probe(Record):
    """A probe; times in seconds, thresholds in results in a row."""

    action: Action
    initial_delay: int
    period: int
    timeout: int
    success_threshold: int
    failure_threshold: int
    grace_period: int | None


# What a mount of the kernel's own has as its source: nothing, or what the pod's containers share, or the control groups.
KERNEL_SOURCES = ("", "shm", "mqueue", "cgroup")


# Each capability that ECI grants to anybody, as a mask.
USUAL_BOUNDING = "00000000a80e35fb"


class Groundwork(Record):
    """The part of a container that can be made before anything else of its plan is known: the kernel's own mounts.

    No container with this groundwork keeps a capability that is not in `bounding`.
    """

    mounts: tuple[Mount, ...]
    devices: tuple[str, ...]
    masked_paths: tuple[str, ...]
    read_only_paths: tuple[str, ...]
    shared_processes: bool = False  # whether the containers of the pod see each other's processes
    bounding: str = USUAL_BOUNDING


class Identity(Record):
    """Who a container's processes are, in the kernel's terms; the sets of capabilities as masks."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    bounding: str
    permitted: str
    no_new_privs: bool
    seccomp: Literal["Unconfined", "RuntimeDefault"]


class ProcessPlan(Record):
    """What of a container a process in it must know."""

    name: str
    identity: Identity
    command: Command
    umask: str
    shared_processes: bool


class ContainerPlan(Record):
    """One container."""

    name: str
    image: str
    image_digest: str
    user: User
    group: Group
    supplementary_groups: tuple[Group, ...]
    capabilities: Capabilities
    capabilities_origin: str
    no_new_privs: bool
    no_new_privs_origin: str
    seccomp: Literal["Unconfined", "RuntimeDefault"]
    seccomp_origin: str
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
    role: Role = "app"
    restart_policy: RestartPolicy = "Never"
    limits: Limits = Limits()
    startup_probe: Probe | None = None
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    post_start: Action | None = None
    pre_stop: Action | None = None
    termination_message_path: str = "/dev/termination-log"
    termination_message_policy: str = "File"
    shared_processes: bool = False

    def groundwork(self) -> Groundwork:
        """What of this plan does not depend on the rest of it."""
        kernels = tuple(mount for mount in self.mounts if mount.source in KERNEL_SOURCES)
        own = self.capabilities.bounding.mask
        bounding = own if int(own, 16) & ~int(USUAL_BOUNDING, 16) else USUAL_BOUNDING
        return Groundwork(kernels, self.devices, self.masked_paths, self.read_only_paths, self.shared_processes, bounding)

    def process(self) -> ProcessPlan:
        """What of this plan the container's processes carry out themselves."""
        identity = Identity(
            uid=self.user.uid,
            gid=self.group.gid,
            groups=tuple(group.gid for group in self.supplementary_groups),
            bounding=self.capabilities.bounding.mask,
            permitted=self.capabilities.permitted.mask,
            no_new_privs=self.no_new_privs,
            seccomp=self.seccomp,
        )
        return ProcessPlan(self.name, identity, self.command, self.umask, self.shared_processes)


class PodPlan(Record):
    """A pod, ready to launch.

    >>> plan = ecirun.plan(ecirun.pod(security_context={"runAsUser": 1000}, sysctls={"net.core.somaxconn": "1024"}))
    >>> plan.containers[0].user.uid, plan.containers[0].capabilities.effective.names, plan.sysctls[0].value
    (1000, (), '1024')
    """

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
    init_containers: tuple[ContainerPlan, ...] = ()
    uid: str = ""
    labels: dict[str, str] = {}  # noqa: RUF012  (never changed)
    annotations: dict[str, str] = {}  # noqa: RUF012  (never changed)
    restart_policy: RestartPolicy = "Never"
    restart_origin: str = ""
    run_once: str = ""  # the container with whose end the pod ends; empty for all
    active_deadline_seconds: int | None = None
    share_process_namespace: bool = False
    subdomain: str = ""
    size: Size | None = None
    qos_class: str = ""
    scratch: str = ""  # the folder of the host in which directory volumes are made

    @property
    def all_containers(self) -> tuple[ContainerPlan, ...]:
        """Init containers and containers, in the order in which they start."""
        return (*self.init_containers, *self.containers)

    def as_json(self) -> dict[str, Any]:
        """The plan as `plan -o json` prints it."""
        return {"schema_version": 1, **_with_address(plain(self.without_secrets()), UNKNOWN_YET)}

    def recorded(self, encoded: bytes, address: str) -> bytes:
        """What `encode` made of the plan, for the pod's folder: one object, with its address, and without secrets."""
        secret_files = any(file.secret for volume in self.volumes for file in volume.files)
        if secret_files or any(container.command.secret_env for container in self.all_containers):
            encoded = encode(self.without_secrets())
        own, _, common = encoded.partition(b"\n")
        return (own[:-1] + b", " + common[1:]).replace(POD_IP.replace("\0", "\\u0000").encode(), address.encode())

    def without_secrets(self) -> PodPlan:
        """The plan as it may be shown: what is taken from Secrets is hidden."""
        volumes = [
            volume._replace(files=tuple(file._replace(content=HIDDEN) if file.secret else file for file in volume.files))
            for volume in self.volumes
        ]
        return self._replace(
            volumes=tuple(volumes),
            containers=tuple(_without_secrets(container) for container in self.containers),
            init_containers=tuple(_without_secrets(container) for container in self.init_containers),
        )


# What each launch of a spec has of its own.
OWN = ("name", "uid", "scratch")

# What stands in a field that is no plain value; a class in a list stands for each of its entries.
_FIELDS: dict[type, dict[str, Any]] = {
    Capabilities: {name: CapabilitySet for name in Capabilities._fields},
    Groundwork: {"mounts": [Mount]},
    ProcessPlan: {"identity": Identity, "command": Command},
    ContainerPlan: {
        "user": User,
        "group": Group,
        "supplementary_groups": [Group],
        "capabilities": Capabilities,
        "root": Root,
        "mounts": [Mount],
        "command": Command,
        "limits": Limits,
        "startup_probe": Probe,
        "liveness_probe": Probe,
        "readiness_probe": Probe,
        "post_start": Action,
        "pre_stop": Action,
    },
    Probe: {"action": Action},
    Volume: {"files": [VolumeFile]},
    PodPlan: {
        "network": Network,
        "sysctls": [Sysctl],
        "volumes": [Volume],
        "files": [File],
        "containers": [ContainerPlan],
        "init_containers": [ContainerPlan],
        "size": Size,
    },
}


def _without_secrets(container: ContainerPlan) -> ContainerPlan:
    command = container.command
    if not command.secret_env:
        return container
    secrets = [command.env[name] for name in command.secret_env if command.env.get(name)]
    env = {name: HIDDEN if name in command.secret_env else value for name, value in command.env.items()}
    mounts = tuple(
        entry._replace(sub_path=HIDDEN) if any(secret in entry.sub_path for secret in secrets) else entry
        for entry in container.mounts
    )
    return container._replace(command=command._replace(argv=command.shown_argv, env=env), mounts=mounts)


def _with_address(value: Any, address: str) -> Any:
    """The same plain value with the pod's address where it belongs."""
    if isinstance(value, str):
        return value.replace(POD_IP, address)
    if isinstance(value, dict):
        return {name: _with_address(item, address) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_address(item, address) for item in value]
    return value


def plain(value: Any) -> Any:
    """Records as objects, tuples as lists."""
    if isinstance(value, tuple):
        if hasattr(value, "_fields"):
            return {name: plain(item) for name, item in zip(value._fields, value, strict=True)}
        return [plain(item) for item in value]
    return value


def encode(plan: PodPlan, common: bytes = b"") -> bytes:
    """The whole plan for the process that carries it out, as two lines of JSON: what is the pod's own, and the rest.

    `common` is the second line, where it is known already.
    """
    own = json.dumps({name: getattr(plan, name) for name in OWN}).encode()
    return own + b"\n" + (common or encode_common(plan))


def encode_common(plan: PodPlan) -> bytes:
    """What of the plan is the same for every pod that is launched from one spec, as a line of JSON."""
    fields = {name: plain(value) for name, value in zip(plan._fields, plan, strict=True) if name not in OWN}
    return json.dumps(fields).encode()


def decode(text: bytes) -> PodPlan:
    """The plan that `encode` has written."""
    own, _, common = text.partition(b"\n")
    return _common_of(common)._replace(**json.loads(own))


@lru_cache(maxsize=1)  # whoever carries out one pod after the other often gets the same spec again
def _common_of(text: bytes) -> PodPlan:
    plan: PodPlan = from_plain(PodPlan, {**json.loads(text), **dict.fromkeys(OWN, "")})
    return plan


def from_plain(record: Any, value: dict[str, Any]) -> Any:
    """The record of class `record` from what `plain` made of it."""
    inside = _FIELDS.get(record, _NONE)
    return record._make([_field(inside.get(name), value[name]) for name in record._fields])


def _field(kind: Any, value: Any) -> Any:
    if kind is None:
        return tuple(value) if type(value) is list else value
    if value is None:
        return None
    return tuple([from_plain(kind[0], item) for item in value]) if type(kind) is list else from_plain(kind, value)


_NONE: dict[str, Any] = {}
