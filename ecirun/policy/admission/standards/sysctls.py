"""Only sysctls that cannot touch other pods may be set.

Restricted fields: spec.securityContext.sysctls[*].name
Allowed values: those of ALLOWED_V1_0, and the later sets for later versions
"""

from __future__ import annotations

from ecirun.policy.admission.pod_values import PodValues
from ecirun.policy.admission.standards.check import Check, CheckPod, Version, Violation

ALLOWED_V1_0 = frozenset(
    (
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_syncookies",
    )
)
ALLOWED_V1_27 = ALLOWED_V1_0 | {"net.ipv4.ip_local_reserved_ports"}
ALLOWED_V1_29 = ALLOWED_V1_27 | {
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
}
ALLOWED_V1_32 = ALLOWED_V1_29 | {"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}
ALLOWED_V1_37 = ALLOWED_V1_32 | {"net.ipv4.tcp_notsent_lowat", "net.ipv4.tcp_slow_start_after_idle"}


def only(allowed: frozenset[str]) -> CheckPod:
    """The check that lets these names pass. Names are compared as written: a slash is not a dot here."""

    def check(pod: PodValues) -> Violation | None:
        names = [sysctl.get("name", "") for sysctl in pod.context.get("sysctls", ())]
        bad = [index for index, name in enumerate(names) if name not in allowed]
        if not bad:
            return None
        return Violation(
            "forbidden sysctls",
            ", ".join(names[index] for index in bad),
            tuple(pod.at(f"securityContext.sysctls[{index}].name") for index in bad),
        )

    return check


CHECK = Check(
    "sysctls",
    "pss-sysctls",
    "baseline",
    (
        Version(0, only(ALLOWED_V1_0)),
        Version(27, only(ALLOWED_V1_27)),
        Version(29, only(ALLOWED_V1_29)),
        Version(32, only(ALLOWED_V1_32)),
        Version(37, only(ALLOWED_V1_37)),
    ),
)
