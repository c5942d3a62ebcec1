"""A Pod as ecirun understands it: typed, and every value can say where it stands.

Field names are Kubernetes', in snake case. A field that the spec does not set is None where Kubernetes tells "unset" from a
zero value, and empty otherwise. Fields that ecirun does not act on are not here; reading them gave a warning already.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ecirun.spec.source import Mark

NOTHING: Mapping[str, str] = MappingProxyType({})


class Sysctl(NamedTuple):
    """One entry of spec.securityContext.sysctls, as written. `path` is the entry's field path."""

    name: str
    value: str
    path: str


class SecurityContext(NamedTuple):
    """A container's securityContext. Capability names are as written."""

    capabilities_add: tuple[str, ...] = ()
    capabilities_drop: tuple[str, ...] = ()
    privileged: bool | None = None
    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    read_only_root_filesystem: bool | None = None
    allow_privilege_escalation: bool | None = None
    proc_mount: str | None = None


class PodSecurityContext(NamedTuple):
    """The pod's securityContext."""

    sysctls: tuple[Sysctl, ...] = ()
    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    supplemental_groups: tuple[int, ...] = ()
    supplemental_groups_policy: str | None = None
    fs_group: int | None = None


class EnvVar(NamedTuple):
    """One env entry with a plain value; entries with valueFrom gave a warning and are not here."""

    name: str
    value: str


class Port(NamedTuple):
    """One entry of ports. `host_port` is None when unset or 0. `path` is the entry's field path."""

    host_port: int | None
    host_ip: str | None
    path: str


class Volume(NamedTuple):
    """One volume. `source` is the API's field name (`emptyDir`, `hostPath`, …), `options` its plain content."""

    name: str
    source: str
    options: Mapping[str, Any]
    path: str


class VolumeMount(NamedTuple):
    """One volumeMount."""

    name: str
    mount_path: str
    read_only: bool
    path: str


class Container(NamedTuple):
    """One container. `command` and `args` are None when unset or empty. `path` is its field path."""

    name: str
    image: str
    path: str
    command: tuple[str, ...] | None = None
    args: tuple[str, ...] | None = None
    working_dir: str | None = None
    env: tuple[EnvVar, ...] = ()
    ports: tuple[Port, ...] = ()
    volume_mounts: tuple[VolumeMount, ...] = ()
    security_context: SecurityContext = SecurityContext()
    memory_limit: int | None = None  # bytes
    image_pull_policy: str | None = None
    stdin: bool = False
    tty: bool = False


class Pod(NamedTuple):
    """A pod, or the pod template of a workload.

    `kind` is the kind of the object that holds it (Pod, Deployment, …), `prefix` what stands before `spec` in every field path
    (empty for a Pod, `spec.template.` for a Deployment), `marks` maps field paths to places.
    """

    kind: str
    name: str
    namespace: str
    prefix: str
    mark: Mark
    marks: Mapping[str, Mark]
    labels: Mapping[str, str] = NOTHING
    annotations: Mapping[str, str] = NOTHING
    security_context: PodSecurityContext = PodSecurityContext()
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()
    hostname: str | None = None
    host_network: bool = False
    host_pid: bool = False
    host_ipc: bool = False
    share_process_namespace: bool = False
    restart_policy: str | None = None
    termination_grace_period_seconds: int = 30

    def where(self, path: str) -> Mark:
        """The place of the value at `path`, or of the nearest parent that is written in the file."""
        while path and path not in self.marks:
            cut = max(path.rfind("."), path.rfind("["))
            path = path[:cut] if cut > 0 else ""
        return self.marks.get(path, self.mark)
