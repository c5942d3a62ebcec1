"""seccomp: the profiles that the policy's annotation allowedProfileNames lists, `*` for any; without it none may be set.

Restricted fields: metadata.annotations[seccomp.security.alpha.kubernetes.io/pod], the same per container, and seccompProfile of
the pod and of every container, which count as the annotation that says the same
Default: the policy's annotation defaultProfileName, for the whole pod
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ecirun.policy.admission.pod_values import ContainerValues, Values
from ecirun.policy.admission.psp.draft import Complaint, Draft, refused
from ecirun.policy.admission.psp.policy import ALL, SECCOMP_ALLOWED, SECCOMP_DEFAULT, PodSecurityPolicy
from ecirun.policy.admission.standards.seccomp_profile_baseline import CONTAINER_PREFIX, POD_KEY

RULE = "psp-seccomp"


def default(policy: PodSecurityPolicy, draft: Draft) -> None:
    """Give the pod the policy's profile where it has none, as annotation and, as the API server then does, as field."""
    profile = policy.annotations.get(SECCOMP_DEFAULT, "")
    if profile and not draft.pod.annotations.get(POD_KEY) and "seccompProfile" not in draft.pod.context:
        draft.annotate(POD_KEY, profile)
        if field := _field_for(profile):
            draft.set_in_pod("seccompProfile", field)


def check_pod(policy: PodSecurityPolicy, draft: Draft) -> Iterator[Complaint]:
    """A profile of the pod that the policy does not allow."""
    profile = draft.pod.annotations.get(POD_KEY, "") or _annotation_for(draft.pod.context) or ""
    yield from _check(policy, profile, POD_KEY, draft.pod.annotation_at(POD_KEY))


def check(policy: PodSecurityPolicy, draft: Draft, container: ContainerValues) -> Iterator[Complaint]:
    """A profile of a container that the policy does not allow."""
    key = CONTAINER_PREFIX + container.name
    pod = draft.pod
    profile = _annotation_for(container.context)
    if profile is None:
        profile = pod.annotations.get(key)
    if profile is None:
        profile = _annotation_for(pod.context)
    if profile is None:
        profile = pod.annotations.get(POD_KEY, "")
    yield from _check(policy, profile, key, pod.annotation_at(key))


def _check(policy: PodSecurityPolicy, profile: str, key: str, path: str) -> Iterator[Complaint]:
    listed = policy.annotations.get(SECCOMP_ALLOWED)
    allowed = listed.split(",") if listed is not None else []
    if ALL in allowed or profile in allowed or (not allowed and not profile):
        return
    detail = f"{profile} is not an allowed seccomp profile. Valid values are {listed}" if allowed else "seccomp may not be set"
    yield refused(RULE, path, detail, f"pod.metadata.annotations[{key}]")


def _annotation_for(context: Values) -> str | None:
    """What the annotation would say instead of the field; None when there is no field."""
    profile = context.get("seccompProfile")
    if profile is None:
        return None
    kind = profile.get("type", "")
    if kind == "Localhost" and "localhostProfile" in profile:
        return f"localhost/{profile['localhostProfile']}"
    return {"Unconfined": "unconfined", "RuntimeDefault": "runtime/default"}.get(kind, "")


def _field_for(profile: str) -> dict[str, Any] | None:
    if profile.startswith("localhost/"):
        return {"type": "Localhost", "localhostProfile": profile.removeprefix("localhost/")}
    kinds = {"unconfined": "Unconfined", "runtime/default": "RuntimeDefault", "docker/default": "RuntimeDefault"}
    return {"type": kinds[profile]} if profile in kinds else None
