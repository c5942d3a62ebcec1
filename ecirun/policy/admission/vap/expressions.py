"""What each rule of the policy that refuses a pod is in CEL.

An expression says what must hold. `variables.podSpec` is the pod's spec, `variables.containers` all its init and app
containers, `variables.sysctls` its sysctls. Every pattern of the policy data becomes a regular expression that matches both
spellings of a sysctl's name, with dots and with slashes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ecirun.policy.capabilities import NUMBERS
from ecirun.policy.load import Policy
from ecirun.record import Record

# Where the pod is, by kind.
TEMPLATE = """object.kind == 'Pod' ? object
: object.kind == 'CronJob' ? object.spec.jobTemplate.spec.template
: object.kind == 'PodTemplate' ? object.template
: object.spec.template"""

POD_SPEC = "variables.template.spec"

CONTAINERS = "variables.podSpec.containers + (has(variables.podSpec.initContainers) ? variables.podSpec.initContainers : [])"

SYSCTLS = """has(variables.podSpec.securityContext) && has(variables.podSpec.securityContext.sysctls)
? variables.podSpec.securityContext.sysctls : []"""


class Validation(Record):
    """One validation: the rule it stands for, and the expression that must be true."""

    rule: str
    expression: str


def validations(policy: Policy, *, unsupported: bool = True, writable_root: bool = False) -> Iterator[Validation]:
    """Every rule of which `check` makes an error; without `unsupported`, but those that --unsupported ignore lets pass."""
    yield from _sysctls(policy)
    yield from _capabilities(policy)
    yield from _host()
    yield Validation("daemon-set", "object.kind != 'DaemonSet'")
    yield Validation("run-as-non-root", _RUN_AS_NON_ROOT)
    if not unsupported:
        return
    yield Validation("privileged-unsupported", _each("!has(c.securityContext.privileged) || !c.securityContext.privileged"))
    yield Validation(
        "proc-mount-unsupported", _each("!has(c.securityContext.procMount) || c.securityContext.procMount != 'Unmasked'")
    )
    if not writable_root:
        field = "c.securityContext.readOnlyRootFilesystem"
        yield Validation("writable-root-unsupported", _each(f"!has({field}) || {field}"))


def _sysctls(policy: Policy) -> Iterator[Validation]:
    conditions = [f"s.name.matches({_string(_pattern(policy.sysctls_allowed))})"]
    if policy.sysctls_refused:
        conditions.append(f"!s.name.matches({_string(_pattern(policy.sysctls_refused))})")
    yield Validation("sysctl-not-permitted", f"variables.sysctls.all(s,\n  {_all_of(conditions)})")
    yield Validation(
        "sysctl-duplicate",
        "variables.sysctls.all(s,\n  variables.sysctls.exists_one(t, t.name.replace('/', '.') == s.name.replace('/', '.')))",
    )


def _pattern(entries: Sequence[str]) -> str:
    """A regular expression (RE2) for the names that the entries allow, in both spellings."""
    branches = []
    for entry in entries:
        if entry == "*":
            return ".*"
        end = "" if entry.endswith("*") else "$"
        name = entry.removesuffix("*")
        branches += [re.escape(spelling) + end for spelling in dict.fromkeys((name, name.replace(".", "/")))]
    return f"^({'|'.join(branches)})"


def _capabilities(policy: Policy) -> Iterator[Validation]:
    ticket = sorted(policy.capabilities_ticket_only)
    listed = sorted({*policy.capabilities_addable, *ticket})
    yield Validation("capability-not-permitted", _each_capability("add", f"n in {_list(listed)}"))
    if ticket:
        yield Validation("capability-needs-ticket", _each_capability("add", f"!(n in {_list(ticket)})"))
    yield Validation("capability-unknown", _each_capability("drop", f"n in {_list(['ALL', *sorted(NUMBERS)])}"))


def _host() -> Iterator[Validation]:
    for rule, field in (("host-network", "hostNetwork"), ("host-pid", "hostPID"), ("host-ipc", "hostIPC")):
        yield Validation(rule, f"!has(variables.podSpec.{field}) || !variables.podSpec.{field}")
    yield Validation("host-path", "!has(variables.podSpec.volumes) || variables.podSpec.volumes.all(v, !has(v.hostPath))")
    yield Validation(
        "host-port",
        "variables.containers.all(c, !has(c.ports)\n  || c.ports.all(p, !has(p.hostPort) || p.hostPort == 0))",
    )


_POD_CONTEXT = "variables.podSpec.securityContext"

# Container over pod, field by field (pkg/securitycontext/util.go): uid 0 only where runAsNonRoot is not true.
_RUN_AS_NON_ROOT = f"""variables.containers.all(c,
  !(has(c.securityContext) && has(c.securityContext.runAsNonRoot) ? c.securityContext.runAsNonRoot
    : has({_POD_CONTEXT}) && has({_POD_CONTEXT}.runAsNonRoot) && {_POD_CONTEXT}.runAsNonRoot)
  || (has(c.securityContext) && has(c.securityContext.runAsUser) ? c.securityContext.runAsUser != 0
    : !(has({_POD_CONTEXT}) && has({_POD_CONTEXT}.runAsUser)) || {_POD_CONTEXT}.runAsUser != 0))"""


def _each(condition: str) -> str:
    """The condition for every container that has a securityContext."""
    return f"variables.containers.all(c, !has(c.securityContext)\n  || {condition})"


def _each_capability(field: str, condition: str) -> str:
    names = f"c.securityContext.capabilities.{field}"
    return (
        "variables.containers.all(c, !has(c.securityContext) || !has(c.securityContext.capabilities)\n"
        f"  || !has({names})\n  || {names}.all(n, {condition}))"
    )


def _all_of(conditions: Sequence[str]) -> str:
    return "\n  && ".join(conditions)


def _string(text: str) -> str:
    """A CEL string in which a backslash is one."""
    return "r'" + text + "'"


def _list(names: Sequence[str]) -> str:
    return "[" + ", ".join(f"'{name}'" for name in names) + "]"
