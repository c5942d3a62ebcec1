"""What a check of the Pod Security Standards is, and how it says what it found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from ecirun.policy.admission.pod_values import PodValues
from ecirun.record import Record

Level = Literal["privileged", "baseline", "restricted"]


class Violation(Record):
    """Why a check forbids a pod. `reason` and `detail` are upstream's words, `paths` the places, in the order of `detail`."""

    reason: str
    detail: str
    paths: tuple[str, ...]


CheckPod = Callable[[PodValues], Violation | None]


class Version(Record):
    """One revision of a check: the minor version of Kubernetes that brought it, and the baseline checks it stands in for."""

    since: int
    check: CheckPod
    overrides: tuple[str, ...] = ()


class Check(Record):
    """One check. `id` is upstream's, by which checks are ordered; `rule` is the one that `ecirun explain` knows."""

    id: str
    rule: str
    level: Level
    versions: tuple[Version, ...]


def quoted_list(names: Sequence[str]) -> str:
    """`"a", "b"`"""
    return ", ".join(f'"{name}"' for name in names)


def counted(singular: str, plural: str, number: int) -> str:
    """The word for that number of things."""
    return singular if number == 1 else plural


def containers_named(names: Sequence[str]) -> str:
    """`container "a"` or `containers "a", "b"`"""
    return f"{counted('container', 'containers', len(names))} {quoted_list(names)}"


def in_user_namespace(pod: PodValues) -> bool:
    """Whether the pod asks for a user namespace of its own, for which newer versions relax some checks."""
    return pod.spec.get("hostUsers") is False


def is_windows(pod: PodValues) -> bool:
    """Whether the pod says that it runs on Windows, where some fields cannot be set."""
    return bool(pod.spec.get("os", {}).get("name") == "windows")
