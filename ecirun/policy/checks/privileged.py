"""securityContext.privileged."""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.policy.case import Case
from ecirun.spec.field_error import forbidden
from ecirun.spec.finding import Finding

RULES = ("privileged-unsupported",)


def check(case: Case) -> Iterator[Finding]:
    """Every privileged container."""
    for container in case.containers:
        if container.security_context.privileged:
            yield case.unsupported(
                "privileged-unsupported",
                f"{container.path}.securityContext.privileged",
                True,
                forbidden("ECI does not support privileged containers"),
                hint="remove it, and add the capabilities that the workload needs",
                instead="the container is not privileged",
            )
