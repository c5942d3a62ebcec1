"""securityContext.readOnlyRootFilesystem."""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.policy.case import Case
from ecirun.spec.field_error import forbidden
from ecirun.spec.finding import Finding

RULES = ("writable-root-unsupported",)


def check(case: Case) -> Iterator[Finding]:
    """Every container that asks for a writable root, unless --writable-root gives it one."""
    if case.options.writable_root:
        return
    for container in case.containers:
        if container.security_context.read_only_root_filesystem is False:
            yield case.unsupported(
                "writable-root-unsupported",
                f"{container.path}.securityContext.readOnlyRootFilesystem",
                False,
                forbidden("ECI's root file system is read-only"),
                hint="remove it and mount an emptyDir where the workload writes, or run with --writable-root",
                instead="the root file system is read-only",
            )
