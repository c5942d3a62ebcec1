"""Checked plain values → Pod. What the API's own rules refuse may be missing or wrong here: such a pod is never run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ecirun.spec.pod import (
    NOTHING,
    Choice,
    Container,
    EnvVar,
    Pod,
    PodSecurityContext,
    Port,
    SecurityContext,
    Sysctl,
    Volume,
    VolumeMount,
)
from ecirun.spec.source import Mark

if TYPE_CHECKING:
    from ecirun.spec.quantity import Quantity

Values = Mapping[str, Any]

FILE_MODE = 0o644

# What Kubernetes fills in (pkg/apis/core/v1/defaults.go), by the field that chooses a source or an action.
DEFAULTS: Mapping[str, Values] = {
    "configMap": {"defaultMode": FILE_MODE},
    "secret": {"defaultMode": FILE_MODE},
    "downwardAPI": {"defaultMode": FILE_MODE},
    "projected": {"defaultMode": FILE_MODE},
    "fieldRef": {"apiVersion": "v1"},
    "resourceFieldRef": {"divisor": "1"},
    "httpGet": {"path": "/", "scheme": "HTTP"},
}


def build_pod(
    kind: str, metadata: Values, template: Values, spec: Values, prefix: str, mark: Mark, marks: Mapping[str, Mark]
) -> Pod:
    """The pod. `metadata` is the owner's, which names it; `template` the pod's own."""
    path = f"{prefix}spec"
    limits, requests = _resources(spec)
    grace = spec.get("terminationGracePeriodSeconds", 30)
    parts = _dns_and_hosts(spec) if "hostAliases" in spec or "dnsConfig" in spec else {}
    return Pod(
        kind=kind,
        name=metadata.get("name") or metadata.get("generateName", "").rstrip("-.") or "pod",
        namespace=metadata.get("namespace") or "default",
        prefix=prefix,
        mark=mark,
        marks=marks,
        labels=template.get("labels", NOTHING),
        annotations=template.get("annotations", NOTHING),
        security_context=_pod_security_context(spec.get("securityContext", {}), f"{path}.securityContext"),
        containers=_containers(spec, "containers", path),
        init_containers=_containers(spec, "initContainers", path),
        volumes=tuple(_volume(entry, f"{path}.volumes[{index}]") for index, entry in enumerate(spec.get("volumes", ()))),
        hostname=spec.get("hostname") or None,
        host_network=spec.get("hostNetwork", False),
        host_pid=spec.get("hostPID", False),
        host_ipc=spec.get("hostIPC", False),
        share_process_namespace=spec.get("shareProcessNamespace", False),
        restart_policy=spec.get("restartPolicy") or None,
        # A negative one counts as 1 (pkg/registry/core/pod/strategy.go).
        termination_grace_period_seconds=grace if grace >= 0 else 1,
        active_deadline_seconds=spec.get("activeDeadlineSeconds"),
        subdomain=spec.get("subdomain") or None,
        set_hostname_as_fqdn=spec.get("setHostnameAsFQDN", False),
        hostname_override=spec.get("hostnameOverride"),
        dns_policy=spec.get("dnsPolicy") or "ClusterFirst",
        enable_service_links=spec.get("enableServiceLinks", True),
        # `serviceAccount` is the name's old field, which the API still takes.
        service_account_name=spec.get("serviceAccountName") or spec.get("serviceAccount", ""),
        limits=limits,
        requests=requests,
        **parts,
    )


def _dns_and_hosts(spec: Values) -> dict[str, Any]:
    from ecirun.spec.pod_parts import DNSConfig, HostAlias

    config = spec.get("dnsConfig")
    aliases = spec.get("hostAliases", ())
    return {
        "host_aliases": tuple(HostAlias(alias.get("ip", ""), tuple(alias.get("hostnames", ()))) for alias in aliases),
        "dns_config": None
        if config is None
        else DNSConfig(
            nameservers=tuple(config.get("nameservers", ())),
            searches=tuple(config.get("searches", ())),
            options=tuple((option.get("name", ""), option.get("value")) for option in config.get("options", ())),
        ),
    }


def _pod_security_context(context: Values, path: str) -> PodSecurityContext:
    sysctls = context.get("sysctls", ())
    return PodSecurityContext(
        sysctls=tuple(
            Sysctl(entry.get("name", ""), entry.get("value", ""), f"{path}.sysctls[{index}]")
            for index, entry in enumerate(sysctls)
        ),
        run_as_user=context.get("runAsUser"),
        run_as_group=context.get("runAsGroup"),
        run_as_non_root=context.get("runAsNonRoot"),
        supplemental_groups=tuple(context.get("supplementalGroups", ())),
        supplemental_groups_policy=context.get("supplementalGroupsPolicy"),
        fs_group=context.get("fsGroup"),
        fs_group_change_policy=context.get("fsGroupChangePolicy", "Always"),
        seccomp_profile=context.get("seccompProfile", {}).get("type"),
    )


def _containers(spec: Values, family: str, path: str) -> tuple[Container, ...]:
    return tuple(_container(entry, f"{path}.{family}[{index}]") for index, entry in enumerate(spec.get(family, ())))


def _container(values: Values, path: str) -> Container:
    limits, requests = _resources(values)
    memory = limits.get("memory")
    return Container(
        name=values.get("name", ""),
        image=values.get("image", ""),
        path=path,
        command=tuple(values["command"]) if values.get("command") else None,
        args=tuple(values["args"]) if values.get("args") else None,
        working_dir=values.get("workingDir") or None,
        env=tuple(_variable(entry, f"{path}.env[{index}]") for index, entry in enumerate(values.get("env", ()))),
        ports=tuple(_port(entry, f"{path}.ports[{index}]") for index, entry in enumerate(values.get("ports", ()))),
        volume_mounts=tuple(
            _mount(entry, f"{path}.volumeMounts[{index}]") for index, entry in enumerate(values.get("volumeMounts", ()))
        ),
        security_context=_security_context(values.get("securityContext", {})),
        memory_limit=memory.value() if memory else None,
        image_pull_policy=values.get("imagePullPolicy"),
        stdin=values.get("stdin", False),
        tty=values.get("tty", False),
        stdin_once=values.get("stdinOnce", False),
        limits=limits,
        requests=requests,
        restart_policy=values.get("restartPolicy"),
        termination_message_path=values.get("terminationMessagePath") or "/dev/termination-log",
        termination_message_policy=values.get("terminationMessagePolicy") or "File",
        **_probes_and_hooks(values, path),
    )


def _resources(values: Values) -> tuple[Mapping[str, Quantity], Mapping[str, Quantity]]:
    resources = values.get("resources")
    if not resources:
        return NOTHING, NOTHING
    from ecirun.spec.quantity import parse_quantity

    limits = {name: parse_quantity(amount) for name, amount in resources.get("limits", {}).items()}
    requests = {name: parse_quantity(amount) for name, amount in resources.get("requests", {}).items()}
    return limits, limits | requests


def _probes_and_hooks(values: Values, path: str) -> dict[str, Any]:
    """The fields of Container that are in `pod_parts`, as far as the container has them."""
    parts: dict[str, Any] = {}
    if values.get("envFrom"):
        from ecirun.spec.pod_parts import EnvFrom

        parts["env_from"] = tuple(
            EnvFrom(entry.get("prefix", ""), _choice(entry, ENV_FROM, where), where)
            for where, entry in ((f"{path}.envFrom[{index}]", entry) for index, entry in enumerate(values["envFrom"]))
        )
    for field, name in (
        ("livenessProbe", "liveness_probe"),
        ("readinessProbe", "readiness_probe"),
        ("startupProbe", "startup_probe"),
    ):
        if field in values:
            parts[name] = _probe(values[field], f"{path}.{field}")
    if "lifecycle" in values:
        from ecirun.spec.pod_parts import Lifecycle

        hooks, where = values["lifecycle"], f"{path}.lifecycle"
        parts["lifecycle"] = Lifecycle(
            post_start=_choice(hooks["postStart"], HANDLERS, f"{where}.postStart") if "postStart" in hooks else None,
            pre_stop=_choice(hooks["preStop"], HANDLERS, f"{where}.preStop") if "preStop" in hooks else None,
            stop_signal=hooks.get("stopSignal"),
        )
    return parts


ENV_FROM = ("configMapRef", "secretRef")
VALUE_FROM = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")


def _probe(values: Values, path: str) -> Any:
    from ecirun.spec.pod_parts import Probe

    # Kubernetes' zero means "the default" here.
    return Probe(
        handler=_choice(values, HANDLERS, path),
        path=path,
        initial_delay_seconds=values.get("initialDelaySeconds", 0),
        timeout_seconds=values.get("timeoutSeconds") or 1,
        period_seconds=values.get("periodSeconds") or 10,
        success_threshold=values.get("successThreshold") or 1,
        failure_threshold=values.get("failureThreshold") or 3,
        termination_grace_period_seconds=values.get("terminationGracePeriodSeconds"),
    )


def _choice(values: Values, kinds: tuple[str, ...], path: str) -> Choice:
    """Which of the kinds the object at `path` has; the first one where it has none, as only a refused pod can."""
    kind = next((kind for kind in kinds if kind in values), kinds[0])
    return Choice(kind, _with_defaults(kind, values.get(kind, {})), f"{path}.{kind}")


def _with_defaults(kind: str, options: Values) -> Values:
    defaults = DEFAULTS.get(kind)
    if defaults is None:
        return options
    return {**defaults, **{name: value for name, value in options.items() if value != "" or name not in defaults}}


def _variable(values: Values, path: str) -> EnvVar:
    source = values.get("valueFrom")
    value_from = None if source is None else _choice(source, VALUE_FROM, f"{path}.valueFrom")
    return EnvVar(values.get("name", ""), values.get("value", ""), value_from, path)


def _port(values: Values, path: str) -> Port:
    return Port(
        host_port=values.get("hostPort") or None,
        host_ip=values.get("hostIP"),
        path=path,
        container_port=values.get("containerPort", 0),
        name=values.get("name", ""),
        protocol=values.get("protocol") or "TCP",
    )


def _mount(values: Values, path: str) -> VolumeMount:
    return VolumeMount(
        name=values.get("name", ""),
        mount_path=values.get("mountPath", ""),
        read_only=values.get("readOnly", False),
        path=path,
        sub_path=values.get("subPath", ""),
        sub_path_expr=values.get("subPathExpr", ""),
        mount_propagation=values.get("mountPropagation", "None"),
        recursive_read_only=values.get("recursiveReadOnly", "Disabled"),
    )


def _security_context(context: Values) -> SecurityContext:
    capabilities = context.get("capabilities", {})
    return SecurityContext(
        capabilities_add=tuple(capabilities.get("add", ())),
        capabilities_drop=tuple(capabilities.get("drop", ())),
        privileged=context.get("privileged"),
        run_as_user=context.get("runAsUser"),
        run_as_group=context.get("runAsGroup"),
        run_as_non_root=context.get("runAsNonRoot"),
        read_only_root_filesystem=context.get("readOnlyRootFilesystem"),
        allow_privilege_escalation=context.get("allowPrivilegeEscalation"),
        proc_mount=context.get("procMount"),
        seccomp_profile=context.get("seccompProfile", {}).get("type"),
    )


def _volume(values: Values, path: str) -> Volume:
    source = next((key for key in values if key != "name"), "emptyDir")
    return Volume(values.get("name", ""), source, _with_defaults(source, values.get(source, {})), path)
