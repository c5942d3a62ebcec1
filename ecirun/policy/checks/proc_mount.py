"""securityContext.procMount."""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.policy.case import Case
from ecirun.spec.field_error import forbidden
from ecirun.spec.finding import Finding

RULES = ("proc-mount-unsupported",)


def check(case: Case) -> Iterator[Finding]:
    """Every container that asks for an unmasked /proc."""
    for container in case.containers:
        value = container.security_context.proc_mount
        if value == "Unmasked":
            yield case.unsupported(
                "proc-mount-unsupported",
                f"{container.path}.securityContext.procMount",
                value,
                forbidden("ECI supports only Default"),
                hint="remove procMount",
                instead="/proc is masked",
            )
