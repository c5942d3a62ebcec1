"""Probes and lifecycle handlers must not be aimed at another host.

Restricted fields: httpGet.host and tcpSocket.host of livenessProbe, readinessProbe, startupProbe, lifecycle.postStart and
lifecycle.preStop of spec.containers[*], and of initContainers and ephemeralContainers
Allowed values: empty, unset
"""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.policy.admission.pod_values import ContainerValues, PodValues, Values
from ecirun.policy.admission.standards.check import Check, Version, Violation, containers_named, counted, quoted_list


def _actions(container: ContainerValues) -> Iterator[tuple[Values, str]]:
    for field in ("livenessProbe", "readinessProbe", "startupProbe"):
        yield container.values.get(field, {}), f"{container.path}.{field}"
    lifecycle = container.values.get("lifecycle", {})
    for field in ("postStart", "preStop"):
        yield lifecycle.get(field, {}), f"{container.path}.lifecycle.{field}"


def _hosts(container: ContainerValues) -> Iterator[tuple[str, str]]:
    for action, path in _actions(container):
        for way in ("httpGet", "tcpSocket"):
            host = action.get(way, {}).get("host", "")
            if host:
                yield host, f"{path}.{way}.host"


def v1_34(pod: PodValues) -> Violation | None:
    """Every host that a probe or a handler names."""
    names, hosts, paths = set(), set(), []
    for container in pod.containers:
        for host, path in _hosts(container):
            names.add(container.name)
            hosts.add(host)
            paths.append(path)
    if not names:
        return None
    return Violation(
        "probe or lifecycle host",
        f"{containers_named(sorted(names))} {counted('uses', 'use', len(names))} "
        f"{counted('probe or lifecycle host', 'probe or lifecycle hosts', len(hosts))} {quoted_list(sorted(hosts))}",
        tuple(paths),
    )


CHECK = Check("hostProbesAndHostLifecycle", "pss-host-probes-and-host-lifecycle", "baseline", (Version(34, v1_34),))
