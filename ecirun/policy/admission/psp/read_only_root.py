"""readOnlyRootFilesystem: true, when the policy wants it.

Restricted fields: spec.containers[*].securityContext.readOnlyRootFilesystem, and of initContainers and ephemeralContainers
Default: true
"""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.policy.admission.pod_values import ContainerValues
from ecirun.policy.admission.psp.draft import Complaint, Draft, invalid
from ecirun.policy.admission.psp.policy import PodSecurityPolicy

RULE = "psp-read-only-root-filesystem"
FIELD = "readOnlyRootFilesystem"


def default(policy: PodSecurityPolicy, draft: Draft, container: ContainerValues) -> None:
    """Make the root read-only where the container does not say."""
    if policy.read_only_root_filesystem and container.context.get(FIELD) is None:
        draft.set_in_container(container, FIELD, True)


def check(policy: PodSecurityPolicy, _draft: Draft, container: ContainerValues) -> Iterator[Complaint]:
    """A root that can be written."""
    value = container.context.get(FIELD)
    if policy.read_only_root_filesystem and not value:
        words = "may not be nil and must be set to true" if value is None else "must be set to true"
        yield invalid(RULE, f"{container.path}.securityContext.{FIELD}", value, f"ReadOnlyRootFilesystem {words}")
