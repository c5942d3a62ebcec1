"""The kind of object that holds the pod."""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.policy.case import Case
from ecirun.spec.field_error import forbidden
from ecirun.spec.finding import Finding

RULES = ("daemon-set",)


def check(case: Case) -> Iterator[Finding]:
    """DaemonSets."""
    if case.pod.kind == "DaemonSet":
        yield case.finding(
            "daemon-set",
            "kind",
            "DaemonSet",
            forbidden("ECI does not run DaemonSets"),
            hint="run the container as a sidecar in the pods that need it",
        )
