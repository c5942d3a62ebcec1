"""A Pod as ecirun understands it: typed, and every value can say where it stands.

Field names are Kubernetes', in snake case, and so are the defaults (pkg/apis/core/v1/defaults.go). A field that the spec does
not set is None where Kubernetes tells "unset" from a zero value, and empty otherwise. Fields that nothing here looks at are
left out.

Every class costs each start of ecirun a little: what few pods have is in `ecirun.spec.pod_parts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ecirun.record import Record
from ecirun.spec.source import Mark, parent

if TYPE_CHECKING:
    from ecirun.spec.pod_parts import DNSConfig, EnvFrom, HostAlias, Lifecycle, Probe
    from ecirun.spec.quantity import Quantity

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Sysctl(Record):
    """One entry of spec.securityContext.sysctls, as written. `path` is the entry's field path."""

    name: str
    value: str
    path: str


class SecurityContext(Record):
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
    seccomp_profile: str | None = None


class PodSecurityContext(Record):
    """The pod's securityContext."""

    sysctls: tuple[Sysctl, ...] = ()
    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    supplemental_groups: tuple[int, ...] = ()
    supplemental_groups_policy: str | None = None
    fs_group: int | None = None
    fs_group_change_policy: str = "Always"
    seccomp_profile: str | None = None


class Choice(Record):
    """Which of several sources or actions a field has, where the API takes exactly one of them.

    `kind` is the chosen field's name (`configMapKeyRef`, `httpGet`, …) and `path` its field path. `options` is its content as
    the API spells it, checked, with Kubernetes' defaults filled in: of the fields that the API requires, each is there.
    """

    kind: str
    options: Mapping[str, Any]
    path: str


class EnvVar(Record):
    """One env entry.

    `value_from` is None, or of the kind fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef or fileKeyRef.
    """

    name: str
    value: str
    value_from: Choice | None = None
    path: str = ""


class Port(Record):
    """One entry of ports. `host_port` is None when unset or 0. `path` is the entry's field path."""

    host_port: int | None
    host_ip: str | None
    path: str
    container_port: int = 0
    name: str = ""
    protocol: str = "TCP"


class Volume(Record):
    """One volume. `source` is the API's field name (`emptyDir`, `hostPath`, …), `options` its content, as in a Choice."""

    name: str
    source: str
    options: Mapping[str, Any]
    path: str


class VolumeMount(Record):
    """One volumeMount. `path` is the entry's field path; `sub_path` and `sub_path_expr` are empty when unset."""

    name: str
    mount_path: str
    read_only: bool
    path: str
    sub_path: str = ""
    sub_path_expr: str = ""
    mount_propagation: str = "None"
    recursive_read_only: str = "Disabled"


class Container(Record):
    """One container. `command` and `args` are None when unset or empty. `path` is its field path.

    `requests` holds each limit too whose request the spec leaves out. `restart_policy` is the container's own: an init
    container with Always is a sidecar.
    """

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
    stdin_once: bool = False
    env_from: tuple[EnvFrom, ...] = ()
    limits: Mapping[str, Quantity] = NOTHING
    requests: Mapping[str, Quantity] = NOTHING
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    restart_policy: str | None = None
    termination_message_path: str = "/dev/termination-log"
    termination_message_policy: str = "File"


class Pod(Record):
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
    labels: Mapping[str, str] = NOTHING  # those of the pod itself: for a workload, of its template
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
    restart_policy: str | None = None  # Kubernetes takes a pod that says nothing for Always
    termination_grace_period_seconds: int = 30
    active_deadline_seconds: int | None = None
    subdomain: str | None = None
    set_hostname_as_fqdn: bool = False
    hostname_override: str | None = None
    host_aliases: tuple[HostAlias, ...] = ()
    dns_policy: str = "ClusterFirst"
    dns_config: DNSConfig | None = None
    enable_service_links: bool = True
    service_account_name: str = ""
    limits: Mapping[str, Quantity] = NOTHING
    requests: Mapping[str, Quantity] = NOTHING

    def where(self, path: str) -> Mark:
        """The place of the value at `path`, or of the nearest parent that is written in the file."""
        while path and path not in self.marks:
            path = parent(path)
        return self.marks.get(path, self.mark)
