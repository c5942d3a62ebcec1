"""The kubelet's rule: it starts no pod with an unsafe sysctl unless its flag --allowed-unsafe-sysctls names it.

Restricted fields: spec.securityContext.sysctls[*].name
Allowed values: the safe ones in SAFE, and what the flag names, by name or by a pattern that ends in *; of these none whose
namespace the pod shares with the host
Source: Kubernetes pkg/kubelet/sysctl/allowlist.go and safe_sysctls.go, component-helpers/node/util/sysctl/namespace.go
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ecirun.errors import UsageError
from ecirun.policy.admission.outcome import Outcome, finding
from ecirun.policy.admission.pod_values import pod_values
from ecirun.policy.admission.standards.sysctls import ALLOWED_V1_37 as SAFE
from ecirun.spec.read import Reading
from ecirun.spec.sysctl_name import canonical

IPC_PREFIXES = ("kernel.shm", "kernel.msg", "fs.mqueue.")

_SEGMENT = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_PATTERN = rf"({_SEGMENT}[\./])*([a-z0-9][-_a-z0-9]*)?[a-z0-9*]"


class KubeletGate:
    """Refuses sysctls as a kubelet does that was started with `allowed` (names, and patterns that end in *)."""

    name = "kubelet"

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        """Raises UsageError for a pattern that no kubelet starts with."""
        self.allowed = tuple(_checked(pattern) for pattern in allowed)

    def judge(self, reading: Reading) -> Outcome:
        """A finding for each sysctl that may not be set."""
        assert reading.pod is not None
        pod = pod_values(reading.template, reading.pod.prefix)
        host_net, host_ipc = bool(pod.spec.get("hostNetwork")), bool(pod.spec.get("hostIPC"))
        findings = []
        for index, sysctl in enumerate(pod.context.get("sysctls", ())):
            name = sysctl.get("name", "")
            if reason := self._refuses(name, host_net=host_net, host_ipc=host_ipc):
                hint = f"remove it, or start the kubelet with --allowed-unsafe-sysctls={name}"
                path = pod.at(f"securityContext.sysctls[{index}].name")
                message = f"forbidden sysctl: {reason}"
                findings.append(finding(reading, "kubelet-sysctl-forbidden", path, name, message, hint=hint))
        # The kubelet stops at the first one.
        refusal = f"SysctlForbidden: {findings[0].message}" if findings else ""
        return Outcome(reading, tuple(findings), refusal)

    def _refuses(self, name: str, *, host_net: bool, host_ipc: bool) -> str:
        try:
            dotted = canonical(name)
        except ValueError:
            return ""  # The API's own rules have said so already.
        if dotted not in SAFE and not any(_matches(dotted, pattern) for pattern in self.allowed):
            return f'"{dotted}" not allowlisted'
        namespace = namespace_of(dotted)
        if (namespace == "net" and host_net) or (namespace == "ipc" and host_ipc):
            return f'"{dotted}" not allowed with host {namespace} enabled'
        return ""


def namespace_of(name: str) -> str:
    """Which kernel namespace holds the sysctl, or all sysctls that begin so: `ipc`, `net`, or nothing when none is known."""
    if name == "kernel.sem" or name.startswith(IPC_PREFIXES):
        return "ipc"
    return "net" if name.startswith("net.") else ""


def _matches(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _checked(pattern: str) -> str:
    if len(pattern) > 253 or not re.fullmatch(_PATTERN, pattern):
        raise UsageError(
            f'Can\'t allow unsafe sysctls: sysctl "{pattern}" must have at most 253 characters and match regex ^{_PATTERN}$',
            hint="name a sysctl, or end the name in *",
        )
    dotted = pattern.replace("/", ".") if "/" in pattern and "." not in pattern.partition("/")[0] else pattern
    if not namespace_of(dotted.removesuffix("*")):
        raise UsageError(
            f'Can\'t allow unsafe sysctls: the sysctls "{pattern}" are not known to be namespaced',
            hint="allow only kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.* and net.*",
        )
    return dotted
