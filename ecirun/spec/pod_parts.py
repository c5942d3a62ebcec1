"""The parts of a pod that few pods have; `ecirun.spec.pod` has the rest, and says what the fields mean."""

from __future__ import annotations

from ecirun.record import Record
from ecirun.spec.pod import Choice


class EnvFrom(Record):
    """One envFrom entry; `source` is of the kind configMapRef or secretRef."""

    prefix: str
    source: Choice
    path: str


class Probe(Record):
    """One probe; `handler` is of the kind exec, httpGet, tcpSocket or grpc. All times are in seconds.

    `termination_grace_period_seconds` replaces the pod's when this probe kills the container; None when it does not.
    """

    handler: Choice
    path: str
    initial_delay_seconds: int = 0
    timeout_seconds: int = 1
    period_seconds: int = 10
    success_threshold: int = 1
    failure_threshold: int = 3
    termination_grace_period_seconds: int | None = None


class Lifecycle(Record):
    """A container's hooks, of the kind exec, httpGet, tcpSocket or sleep, and the signal that stops it (`SIGUSR1`)."""

    post_start: Choice | None = None
    pre_stop: Choice | None = None
    stop_signal: str | None = None


class HostAlias(Record):
    """One line for /etc/hosts."""

    ip: str
    hostnames: tuple[str, ...]


class DNSConfig(Record):
    """What dnsConfig adds to /etc/resolv.conf; an option's value is None when it has none (`ndots:2`, but `edns0`)."""

    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[tuple[str, str | None], ...] = ()
