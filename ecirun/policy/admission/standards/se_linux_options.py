"""The SELinux type is limited, and the SELinux user and role must not be set.

Restricted fields: spec.securityContext.seLinuxOptions.type, and of every container
Allowed values: empty, unset, container_t, container_init_t, container_kvm_t; since v1.31 container_engine_t
Restricted fields: spec.securityContext.seLinuxOptions.user and .role, and of every container
Allowed values: empty, unset
"""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.policy.admission.pod_values import PodValues, Values
from ecirun.policy.admission.standards.check import Check, Version, Violation, containers_named, counted, quoted_list

TYPES_V1_0 = frozenset(("", "container_t", "container_init_t", "container_kvm_t"))
TYPES_V1_31 = TYPES_V1_0 | {"container_engine_t"}


def _bad_fields(context: Values, allowed: frozenset[str]) -> Iterator[str]:
    options = context.get("seLinuxOptions", {})
    if options.get("type", "") not in allowed:
        yield "type"
    yield from (field for field in ("user", "role") if options.get(field))


def _check(pod: PodValues, allowed: frozenset[str]) -> Violation | None:
    holders = [(pod.context, pod.at("securityContext"), "")]
    holders += [(container.context, f"{container.path}.securityContext", container.name) for container in pod.containers]
    names, types, fields, paths = [], set(), set(), []
    pod_sets = False
    for index, (context, path, name) in enumerate(holders):
        bad = list(_bad_fields(context, allowed))
        if not bad:
            continue
        if index == 0:
            pod_sets = True
        else:
            names.append(name)
        if "type" in bad:
            types.add(context["seLinuxOptions"]["type"])
        fields.update(bad)
        paths += [f"{path}.seLinuxOptions.{field}" for field in bad]
    if not paths:
        return None
    setters = (["pod"] if pod_sets else []) + ([containers_named(names)] if names else [])
    data = [f"{counted('type', 'types', len(types))} {quoted_list(sorted(types))}"] if types else []
    data += [f"{field} may not be set" for field in ("user", "role") if field in fields]
    return Violation(
        "seLinuxOptions",
        f"{' and '.join(setters)} set forbidden securityContext.seLinuxOptions: {'; '.join(data)}",
        tuple(paths),
    )


def v1_0(pod: PodValues) -> Violation | None:
    """Every option that may not be set."""
    return _check(pod, TYPES_V1_0)


def v1_31(pod: PodValues) -> Violation | None:
    """The same, with one type more."""
    return _check(pod, TYPES_V1_31)


CHECK = Check("seLinuxOptions", "pss-se-linux-options", "baseline", (Version(0, v1_0), Version(31, v1_31)))
