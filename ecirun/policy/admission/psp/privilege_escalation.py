"""allowPrivilegeEscalation: false, when the policy wants it.

Restricted fields: spec.containers[*].securityContext.allowPrivilegeEscalation, and of initContainers and ephemeralContainers
Default: defaultAllowPrivilegeEscalation, or else false
"""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.policy.admission.pod_values import ContainerValues
from ecirun.policy.admission.psp.draft import Complaint, Draft, invalid
from ecirun.policy.admission.psp.policy import PodSecurityPolicy

RULE = "psp-allow-privilege-escalation"
FIELD = "allowPrivilegeEscalation"


def default(policy: PodSecurityPolicy, draft: Draft, container: ContainerValues) -> None:
    """Say what the policy says where the container does not say."""
    if container.context.get(FIELD) is not None:
        return
    if policy.default_allow_privilege_escalation is not None:
        draft.set_in_container(container, FIELD, policy.default_allow_privilege_escalation)
    elif not policy.allow_privilege_escalation:
        draft.set_in_container(container, FIELD, False)


def check(policy: PodSecurityPolicy, _draft: Draft, container: ContainerValues) -> Iterator[Complaint]:
    """A container that may escalate."""
    value = container.context.get(FIELD)
    if not policy.allow_privilege_escalation and value is not False:
        detail = "Allowing privilege escalation for containers is not allowed"
        yield invalid(RULE, f"{container.path}.securityContext.{FIELD}", value, detail)
