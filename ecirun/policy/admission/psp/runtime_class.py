"""RuntimeClasses: which ones a pod may name.

Restricted fields: spec.runtimeClassName
Default: runtimeClass.defaultRuntimeClassName
"""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.policy.admission.psp.draft import Complaint, Draft, invalid
from ecirun.policy.admission.psp.policy import ALL, PodSecurityPolicy

RULE = "psp-runtime-class"


def default(policy: PodSecurityPolicy, draft: Draft) -> None:
    """Name the policy's class where the pod names none."""
    classes = policy.runtime_class
    if classes is not None and classes.default is not None and draft.pod.spec.get("runtimeClassName") is None:
        draft.set_in_spec("runtimeClassName", classes.default)


def check(policy: PodSecurityPolicy, draft: Draft) -> Iterator[Complaint]:
    """A class that the policy does not list."""
    name = draft.pod.spec.get("runtimeClassName")
    if policy.runtime_class is None or name is None:
        return
    if name not in policy.runtime_class.allowed and ALL not in policy.runtime_class.allowed:
        yield invalid(RULE, draft.pod.at("runtimeClassName"), name, "")
