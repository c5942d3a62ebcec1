"""Privileged containers, and the masks of /proc.

Restricted fields: spec.containers[*].securityContext.privileged and .procMount, and of initContainers and ephemeralContainers
Allowed values: false unless the policy says privileged: true; the types of allowedProcMountTypes, only Default when it is empty
"""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.policy.admission.pod_values import ContainerValues
from ecirun.policy.admission.psp.draft import Complaint, Draft, invalid
from ecirun.policy.admission.psp.policy import PodSecurityPolicy

PRIVILEGED, PROC_MOUNT = "psp-privileged", "psp-proc-mount"


def check(policy: PodSecurityPolicy, _draft: Draft, container: ContainerValues) -> Iterator[Complaint]:
    """A privileged container."""
    if container.context.get("privileged") and not policy.privileged:
        path = f"{container.path}.securityContext.privileged"
        yield invalid(PRIVILEGED, path, True, "Privileged containers are not allowed")


def check_proc_mount(policy: PodSecurityPolicy, _draft: Draft, container: ContainerValues) -> Iterator[Complaint]:
    """Another /proc."""
    kind = container.context.get("procMount", "Default")
    if kind not in policy.allowed_proc_mount_types:
        yield invalid(PROC_MOUNT, f"{container.path}.securityContext.procMount", kind, "ProcMountType is not allowed")
