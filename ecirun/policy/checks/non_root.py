"""runAsNonRoot against a uid in the spec; against the image's USER it is `ecirun.plan.non_root` that looks."""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.policy.case import Case
from ecirun.spec.field_error import invalid_value
from ecirun.spec.finding import Finding

RULES = ("run-as-non-root",)


def check(case: Case) -> Iterator[Finding]:
    """Every container whose effective runAsUser is 0 while its effective runAsNonRoot is true."""
    pod, whole = case.pod, case.pod.security_context
    for container in case.containers:
        own = container.security_context
        wanted = own.run_as_non_root if own.run_as_non_root is not None else whole.run_as_non_root
        uid = own.run_as_user if own.run_as_user is not None else whole.run_as_user
        if not wanted or uid != 0:
            continue
        holder = container.path if own.run_as_user is not None else f"{pod.prefix}spec"
        detail = (
            f'container\'s runAsUser breaks non-root policy (pod: "{pod.name}_{pod.namespace}", container: {container.name})'
        )
        yield case.finding(
            "run-as-non-root",
            f"{holder}.securityContext.runAsUser",
            0,
            invalid_value(0, detail),
            hint="set runAsUser to a uid other than 0, or remove runAsNonRoot",
        )
