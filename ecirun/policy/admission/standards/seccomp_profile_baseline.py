"""A seccomp profile, where one is set, must be the runtime's or one of the node's.

Until v1.18, restricted fields: metadata.annotations[seccomp.security.alpha.kubernetes.io/pod] and
metadata.annotations[container.seccomp.security.alpha.kubernetes.io/*]
Allowed values: runtime/default, docker/default, localhost/*, unset
Since v1.19, restricted fields: spec.securityContext.seccompProfile.type, and of every container
Allowed values: RuntimeDefault, Localhost, unset
"""

from __future__ import annotations

from ecirun.policy.admission.pod_values import PodValues, Values
from ecirun.policy.admission.standards.check import Check, Version, Violation, containers_named, counted, quoted_list
from ecirun.spec.field_error import quoted

POD_KEY = "seccomp.security.alpha.kubernetes.io/pod"
CONTAINER_PREFIX = "container.seccomp.security.alpha.kubernetes.io/"
ALLOWED_TYPES = ("RuntimeDefault", "Localhost")
REASON = "seccompProfile"


def profile_type(context: Values) -> str | None:
    """The type of the profile in a securityContext; None when there is no profile, empty when it has no type."""
    profile = context.get("seccompProfile")
    return None if profile is None else profile.get("type", "")


def v1_0(pod: PodValues) -> Violation | None:
    """Every annotation with another profile."""
    keys = [POD_KEY, *(CONTAINER_PREFIX + container.name for container in pod.containers)]
    bad = sorted({key for key in keys if not _allowed_annotation(pod.annotations.get(key, "runtime/default"))})
    if not bad:
        return None
    shown = sorted(f"{key}={quoted(pod.annotations[key])}" for key in bad)
    return Violation(
        REASON,
        f"forbidden {counted('annotation', 'annotations', len(bad))} {', '.join(shown)}",
        tuple(pod.annotation_at(key) for key in bad),
    )


def _allowed_annotation(value: str) -> bool:
    return value in ("runtime/default", "docker/default") or value.startswith("localhost/")


def v1_19(pod: PodValues) -> Violation | None:
    """Every field with another profile."""
    field = "securityContext.seccompProfile.type"
    setters, values, paths = [], set(), []
    whole = profile_type(pod.context)
    if whole is not None and whole not in ALLOWED_TYPES:
        setters.append("pod")
        values.add(whole)
        paths.append(pod.at(field))
    bad = [
        (container, kind)
        for container in pod.containers
        if (kind := profile_type(container.context)) is not None and kind not in ALLOWED_TYPES
    ]
    if bad:
        setters.append(containers_named([container.name for container, _kind in bad]))
        values.update(kind for _container, kind in bad)
        paths += [f"{container.path}.{field}" for container, _kind in bad]
    if not setters:
        return None
    return Violation(
        REASON,
        f"{' and '.join(setters)} must not set securityContext.seccompProfile.type to {quoted_list(sorted(values))}",
        tuple(paths),
    )


CHECK = Check("seccompProfile_baseline", "pss-seccomp-profile-baseline", "baseline", (Version(0, v1_0), Version(19, v1_19)))
