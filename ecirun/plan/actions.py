"""Probes and hooks, with everything in them decided: ports as numbers, commands expanded.

Rules: Kubernetes pkg/kubelet/prober/prober.go, pkg/probe/util.go (ResolveContainerPort), pkg/kubelet/lifecycle/handlers.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ecirun.errors import LaunchFailed
from ecirun.plan.environment import expand, static_environment
from ecirun.plan.model import Action, Probe
from ecirun.spec.pod import Choice, Container

if TYPE_CHECKING:
    from ecirun.spec import pod_parts


def probe_of(probe: pod_parts.Probe | None, container: Container) -> Probe | None:
    """The probe. Raises LaunchFailed for what cannot be carried out."""
    if probe is None:
        return None
    return Probe(
        action=_action(probe.handler, container, "probe"),
        initial_delay=probe.initial_delay_seconds,
        period=probe.period_seconds,
        timeout=probe.timeout_seconds,
        success_threshold=probe.success_threshold,
        failure_threshold=probe.failure_threshold,
        grace_period=probe.termination_grace_period_seconds,
    )


def hook_of(handler: Choice | None, container: Container) -> Action | None:
    """The hook. Raises LaunchFailed for what cannot be carried out."""
    if handler is None:
        return None
    if handler.kind == "exec":
        # Other than that of a probe, the command is executed as it is written.
        return Action("exec", tuple(handler.options.get("command", ())), is_hook=True)
    return _action(handler, container, "call a hook of")._replace(is_hook=True)


def _action(handler: Choice, container: Container, verb: str) -> Action:
    options = handler.options
    if handler.kind == "exec":
        static = static_environment(container)
        return Action("exec", tuple(expand(word, static) for word in options.get("command", ())))
    if handler.kind == "sleep":
        return Action("sleep", seconds=options.get("seconds", 0))
    if handler.kind == "tcpSocket":
        port = _port(options.get("port"), container, verb)
        return Action("tcpSocket", host=options.get("host", ""), port=port)
    if handler.kind == "httpGet":
        headers = tuple((header.get("name", ""), header.get("value", "")) for header in options.get("httpHeaders", ()))
        return Action(
            "httpGet",
            scheme=options.get("scheme", "HTTP"),
            host=options.get("host", ""),
            port=_port(options.get("port"), container, verb),
            path=options.get("path", "/"),
            headers=headers,
        )
    return Action("grpc", port=options.get("port", 0))  # nothing that is launched has one


def _port(port: Any, container: Container, verb: str) -> int:
    if isinstance(port, int):
        return port
    for entry in container.ports:
        if entry.name == port:
            return entry.container_port
    if isinstance(port, str) and port.isdecimal():
        return int(port)
    raise LaunchFailed(
        f'Can\'t {verb} container "{container.name}": it has no port named "{port}"',
        step="probes",
        hint="give the port a name in ports, or use its number",
    )
