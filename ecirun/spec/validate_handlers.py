"""What the API requires of probes and lifecycle hooks (Kubernetes pkg/apis/core/validation/validation.go)."""

from __future__ import annotations

from ecirun.spec import names
from ecirun.spec.findings import Findings
from ecirun.spec.validate_field import Values, in_range, not_negative, port_number, require

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
PROBE_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
HOOK_HANDLERS = ("exec", "httpGet", "tcpSocket", "sleep")

_REALTIME = (
    *("SIGRTMAX", *(f"SIGRTMAX-{number}" for number in (1, 10, 11, 12, 13, 14, *range(2, 10)))),
    *("SIGRTMIN", *(f"SIGRTMIN+{number}" for number in (1, 10, 11, 12, 13, 14, 15, *range(2, 10)))),
)
SIGNALS = (
    *"SIGABRT SIGALRM SIGBUS SIGCHLD SIGCLD SIGCONT SIGFPE SIGHUP SIGILL SIGINT SIGIO SIGIOT SIGKILL SIGPIPE".split(),
    *("SIGPOLL", "SIGPROF", "SIGPWR", "SIGQUIT", *_REALTIME),
    *"SIGSEGV SIGSTKFLT SIGSTOP SIGSYS SIGTERM SIGTRAP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGUSR1 SIGUSR2 SIGVTALRM".split(),
    *("SIGWINCH", "SIGXCPU", "SIGXFSZ"),
)


def validate_lifecycle(findings: Findings, lifecycle: Values, path: str, grace: int, os_name: str | None) -> None:
    """Check the hooks; `grace` is the pod's terminationGracePeriodSeconds, `os_name` is None where the pod names none."""
    for hook in ("postStart", "preStop"):
        if hook in lifecycle:
            _validate_handler(findings, lifecycle[hook], f"{path}.{hook}", HOOK_HANDLERS, grace)
    if "stopSignal" not in lifecycle:
        return
    where = f"{path}.stopSignal"
    if os_name is None:
        detail = "may not be set for containers with empty `spec.os.name`"
        findings.forbidden(where, detail, hint="add spec.os.name: linux", value=lifecycle["stopSignal"])
    elif os_name == "linux" and lifecycle["stopSignal"] not in SIGNALS:
        findings.unsupported(where, lifecycle["stopSignal"], SIGNALS)


def validate_probe(findings: Findings, probe: Values, field: str, path: str) -> None:
    """Check the probe that is the container's `field`."""
    _validate_handler(findings, probe, path, PROBE_HANDLERS, grace=0)
    for number in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        not_negative(findings, probe, number, path)
    grace = probe.get("terminationGracePeriodSeconds")
    if grace is not None and grace <= 0:
        findings.invalid(
            f"{path}.terminationGracePeriodSeconds", grace, "must be greater than 0", hint="give seconds from 1 on"
        )
    if field == "readinessProbe":
        if grace is not None:
            detail = "must not be set for readinessProbes"
            hint = "remove it: a readiness probe never stops the container"
            findings.invalid(f"{path}.terminationGracePeriodSeconds", grace, detail, hint=hint)
    elif (probe.get("successThreshold") or 1) != 1:
        findings.invalid(f"{path}.successThreshold", probe["successThreshold"], "must be 1", hint="set it to 1")


def _validate_handler(findings: Findings, values: Values, path: str, handlers: tuple[str, ...], grace: int) -> None:
    there = [name for name in handlers if name in values]
    if not there:
        findings.required(path, "must specify a handler type", hint="add one of " + ", ".join(handlers))
        return
    for extra in there[1:]:
        findings.forbidden(f"{path}.{extra}", "may not specify more than 1 handler type", hint="keep one of them")
    name = there[0]
    handler, where = values[name], f"{path}.{name}"
    if name == "exec":
        require(findings, handler, "command", where, hint="give the command as a list of words")
    elif name == "httpGet":
        _validate_http_get(findings, handler, where)
    elif name == "sleep":
        seconds = handler.get("seconds", 0)
        if not 0 <= seconds <= grace:
            detail = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
            findings.invalid(where, seconds, detail, hint="sleep shorter, or raise terminationGracePeriodSeconds")
    else:
        _validate_port(findings, handler, f"{where}.port")


def _validate_http_get(findings: Findings, handler: Values, path: str) -> None:
    _validate_port(findings, handler, f"{path}.port")
    scheme = handler.get("scheme")
    if scheme and scheme not in ("HTTP", "HTTPS"):
        findings.unsupported(f"{path}.scheme", scheme, ("HTTP", "HTTPS"))
    for index, header in enumerate(handler.get("httpHeaders", ())):
        name = header.get("name", "")
        mark = findings.where(f"{path}.httpHeaders[{index}].name")
        findings.invalid(f"{path}.httpHeaders", name, *names.header_name(name), hint="use letters, digits and -", mark=mark)


def _validate_port(findings: Findings, handler: Values, path: str) -> None:
    port = handler.get("port", 0)
    if isinstance(port, int):
        if "port" in handler:
            port_number(findings, port, path)
        else:
            findings.invalid(
                path, 0, in_range(1, 65535), hint="add port: a number, or the name of one of the container's ports"
            )
    else:
        hint = "name one of the container's ports, or give a number without quotes"
        findings.invalid(path, port, *names.port_name(port), hint=hint)
