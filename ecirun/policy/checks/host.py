"""What a pod could share with its host: on ECI every pod is a machine of its own."""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.policy.case import Case
from ecirun.spec.field_error import forbidden
from ecirun.spec.finding import Finding

RULES = ("host-network", "host-pid", "host-ipc", "host-path", "host-port")


def check(case: Case) -> Iterator[Finding]:
    """Every namespace, path and port of the host that the pod asks for."""
    pod = case.pod
    for rule, field, asked in (
        ("host-network", "hostNetwork", pod.host_network),
        ("host-pid", "hostPID", pod.host_pid),
        ("host-ipc", "hostIPC", pod.host_ipc),
    ):
        if asked:
            path = f"{pod.prefix}spec.{field}"
            yield case.finding(rule, path, True, forbidden(f"ECI does not offer {field}"), hint=f"remove {field}")
    for volume in pod.volumes:
        if volume.source == "hostPath":
            host_path = volume.options.get("path", "")
            hint = "use an emptyDir volume" if host_path else "remove the volume"
            message = forbidden("ECI does not offer hostPath volumes")
            yield case.finding("host-path", f"{volume.path}.hostPath", host_path, message, hint=hint)
    for container in case.containers:
        for port in container.ports:
            if port.host_port is not None:
                message = forbidden("ECI does not map ports of a host")
                hint = "remove hostPort; the pod's own address serves its container ports"
                yield case.finding("host-port", f"{port.path}.hostPort", port.host_port, message, hint=hint)
