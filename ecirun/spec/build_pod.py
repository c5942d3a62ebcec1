"""Checked plain values → Pod."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecirun.spec.pod import (
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
from ecirun.spec.quantity import whole
from ecirun.spec.source import Mark

Values = Mapping[str, Any]


def build_pod(
    kind: str, metadata: Values, template: Values, spec: Values, prefix: str, mark: Mark, marks: Mapping[str, Mark]
) -> Pod:
    """The pod. `metadata` is the owner's, which names it; `template` the pod's own."""
    path = f"{prefix}spec"
    return Pod(
        kind=kind,
        name=metadata.get("name") or metadata.get("generateName", "").rstrip("-.") or "pod",
        namespace=metadata.get("namespace") or "default",
        prefix=prefix,
        mark=mark,
        marks=marks,
        labels=template.get("labels", {}),
        annotations=template.get("annotations", {}),
        security_context=_pod_security_context(spec.get("securityContext", {}), f"{path}.securityContext"),
        containers=_containers(spec, "containers", path),
        init_containers=_containers(spec, "initContainers", path),
        volumes=tuple(_volume(entry, f"{path}.volumes[{index}]") for index, entry in enumerate(spec.get("volumes", ()))),
        hostname=spec.get("hostname") or None,
        host_network=spec.get("hostNetwork", False),
        host_pid=spec.get("hostPID", False),
        host_ipc=spec.get("hostIPC", False),
        share_process_namespace=spec.get("shareProcessNamespace", False),
        restart_policy=spec.get("restartPolicy"),
        termination_grace_period_seconds=spec.get("terminationGracePeriodSeconds", 30),
    )


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
    )


def _containers(spec: Values, family: str, path: str) -> tuple[Container, ...]:
    return tuple(_container(entry, f"{path}.{family}[{index}]") for index, entry in enumerate(spec.get(family, ())))


def _container(values: Values, path: str) -> Container:
    memory = values.get("resources", {}).get("limits", {}).get("memory")
    return Container(
        name=values.get("name", ""),
        image=values.get("image", ""),
        path=path,
        command=tuple(values["command"]) if values.get("command") else None,
        args=tuple(values["args"]) if values.get("args") else None,
        working_dir=values.get("workingDir") or None,
        env=tuple(
            EnvVar(entry["name"], entry.get("value", ""))
            for entry in values.get("env", ())
            if entry.get("name") and "valueFrom" not in entry
        ),
        ports=tuple(
            Port(entry.get("hostPort") or None, entry.get("hostIP"), f"{path}.ports[{index}]")
            for index, entry in enumerate(values.get("ports", ()))
        ),
        volume_mounts=tuple(
            VolumeMount(
                entry.get("name", ""), entry.get("mountPath", ""), entry.get("readOnly", False), f"{path}.volumeMounts[{i}]"
            )
            for i, entry in enumerate(values.get("volumeMounts", ()))
        ),
        security_context=_security_context(values.get("securityContext", {})),
        memory_limit=whole(memory) if memory else None,
        image_pull_policy=values.get("imagePullPolicy"),
        stdin=values.get("stdin", False),
        tty=values.get("tty", False),
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
    )


def _volume(values: Values, path: str) -> Volume:
    source = next((key for key in values if key != "name"), "emptyDir")
    options = values.get(source, {})
    return Volume(values.get("name", ""), source, options if isinstance(options, Mapping) else {}, path)
