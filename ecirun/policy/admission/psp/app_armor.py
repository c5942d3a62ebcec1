"""AppArmor: the profiles that the policy's annotation allowedProfileNames lists; without it any.

Restricted fields: metadata.annotations[container.apparmor.security.beta.kubernetes.io/*]
Default: the policy's annotation defaultProfileName, for each container
"""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.policy.admission.pod_values import ContainerValues
from ecirun.policy.admission.psp.draft import Complaint, Draft, refused
from ecirun.policy.admission.psp.policy import APP_ARMOR_ALLOWED, APP_ARMOR_DEFAULT, PodSecurityPolicy
from ecirun.policy.admission.standards.app_armor_profile import PREFIX
from ecirun.spec.field_error import quoted

RULE = "psp-app-armor"


def default(policy: PodSecurityPolicy, draft: Draft, container: ContainerValues) -> None:
    """Give the container the policy's profile where it has none."""
    profile = policy.annotations.get(APP_ARMOR_DEFAULT, "")
    if profile and not draft.pod.annotations.get(PREFIX + container.name):
        draft.annotate(PREFIX + container.name, profile)


def check(policy: PodSecurityPolicy, draft: Draft, container: ContainerValues) -> Iterator[Complaint]:
    """A profile that the policy does not allow, or none where it wants one."""
    listed = policy.annotations.get(APP_ARMOR_ALLOWED)
    if listed is None:
        return
    key = PREFIX + container.name
    profile = draft.pod.annotations.get(key, "")
    if not profile:
        detail = "AppArmor profile must be set"
    elif profile not in listed.split(","):
        detail = f"{profile} is not an allowed profile. Allowed values: {quoted(listed)}"
    else:
        return
    yield refused(RULE, draft.pod.annotation_at(key), detail, f"pod.metadata.annotations[{key}]")
