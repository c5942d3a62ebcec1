"""The AppArmor profile of the runtime must not be overridden or disabled.

Restricted fields: spec.securityContext.appArmorProfile.type, and of every container
Allowed values: RuntimeDefault, Localhost, unset
Restricted fields: metadata.annotations[container.apparmor.security.beta.kubernetes.io/*]
Allowed values: runtime/default, localhost/*, empty, unset
"""

from __future__ import annotations

from ecirun.policy.admission.pod_values import PodValues, Values
from ecirun.policy.admission.standards.check import Check, Version, Violation, containers_named, counted, quoted_list
from ecirun.spec.field_error import quoted

PREFIX = "container.apparmor.security.beta.kubernetes.io/"
ALLOWED_TYPES = ("RuntimeDefault", "Localhost")


def _bad_type(context: Values) -> str | None:
    profile = context.get("appArmorProfile")
    kind = None if profile is None else profile.get("type", "")
    return None if kind in ALLOWED_TYPES else kind


def _bad_annotation(key: str, value: str) -> bool:
    return key.startswith(PREFIX) and value not in ("", "runtime/default") and not value.startswith("localhost/")


def v1_0(pod: PodValues) -> Violation | None:
    """Every profile that is neither the runtime's nor one of the node's."""
    setters, values, paths = [], set(), []
    if (kind := _bad_type(pod.context)) is not None:
        setters.append("pod")
        values.add(kind)
        paths.append(pod.at("securityContext.appArmorProfile.type"))
    bad = [(container, kind) for container in pod.containers if (kind := _bad_type(container.context)) is not None]
    if bad:
        setters.append(containers_named([container.name for container, _kind in bad]))
        values.update(kind for _container, kind in bad)
        paths += [f"{container.path}.securityContext.appArmorProfile.type" for container, _kind in bad]
    keys = sorted(key for key, value in pod.annotations.items() if _bad_annotation(key, value))
    shown = sorted(values) + [f"{key}={quoted(pod.annotations[key])}" for key in keys]
    if keys:
        setters.append(counted("annotation", "annotations", len(keys)))
        paths += [pod.annotation_at(key) for key in keys]
    if not setters:
        return None
    return Violation(
        counted("forbidden AppArmor profile", "forbidden AppArmor profiles", len(shown)),
        f"{' and '.join(setters)} must not set AppArmor profile type to {quoted_list(shown)}",
        tuple(paths),
    )


CHECK = Check("appArmorProfile", "pss-app-armor-profile", "baseline", (Version(0, v1_0),))
