"""The field names and types of the Pod v1 API and of the workloads that hold a pod template.

The names and types stand in `pod-v1.json`, taken from Kubernetes' OpenAPI document (v1.37). A type is `string`, `bool`,
`int32`, `int64`, `intOrString`, `quantity`, `any`, the name of an object type, or one of these behind `[]` or `map:`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache

Fields = Mapping[str, str]


@cache
def types() -> Mapping[str, Fields]:
    """Every object type by name, its fields by name."""
    import json

    with open(os.path.join(os.path.dirname(__file__), "pod-v1.json"), "rb") as stream:
        table: dict[str, Fields] = json.load(stream)
    return table


# Where else a field may belong, by the type in which it was found: pairs of a type and where that type stands. `{pod}` is
# the path of the pod spec, `{container}` that of the container at hand or of any container, `{here}` that of the object.
PLACES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Pod": (("PodSpec", "spec"), ("ObjectMeta", "metadata")),
    "PodTemplateSpec": (("PodSpec", "{here}spec"), ("ObjectMeta", "{here}metadata")),
    "PodSpec": (
        ("PodSecurityContext", "{pod}.securityContext"),
        ("Container", "{container}"),
        ("SecurityContext", "{container}.securityContext"),
        ("ObjectMeta", "{metadata}"),
    ),
    "PodSecurityContext": (
        ("SecurityContext", "{container}.securityContext"),
        ("Capabilities", "{container}.securityContext.capabilities"),
        ("PodSpec", "{pod}"),
        ("Container", "{container}"),
    ),
    "Container": (
        ("SecurityContext", "{container}.securityContext"),
        ("Capabilities", "{container}.securityContext.capabilities"),
        ("PodSpec", "{pod}"),
        ("PodSecurityContext", "{pod}.securityContext"),
        ("ResourceRequirements", "{container}.resources"),
    ),
    "SecurityContext": (
        ("Capabilities", "{container}.securityContext.capabilities"),
        ("PodSecurityContext", "{pod}.securityContext"),
        ("PodSpec", "{pod}"),
        ("Container", "{container}"),
    ),
    "Capabilities": (("SecurityContext", "{container}.securityContext"), ("PodSecurityContext", "{pod}.securityContext")),
    "ResourceRequirements": (),
    "ObjectMeta": (("PodSpec", "{pod}"),),
}


def belongs_at(type_name: str, field: str, pod: str, container: str, here: str) -> str:
    """The path where `field`, found in an object of `type_name`, belongs, whatever its case; empty when nowhere near."""
    if any(known.lower() == field.lower() for known in types().get(type_name, ())):
        return ""
    for other, place in PLACES.get(type_name, ()):
        for known in types()[other]:
            if known.lower() == field.lower():
                metadata = pod.removesuffix("spec") + "metadata"
                return place.format(pod=pod, container=container, here=here, metadata=metadata) + "." + known
    return ""


def nearest(word: str, words: Fields | tuple[str, ...]) -> str:
    """The word most like `word`, case aside; empty when none is near."""
    # Only a mistake needs difflib, which takes a while to import.
    from difflib import get_close_matches

    by_lower = {entry.lower().replace("_", ""): entry for entry in words}
    close = get_close_matches(word.lower().replace("_", ""), by_lower, n=1, cutoff=0.66)
    return by_lower[close[0]] if close else ""
