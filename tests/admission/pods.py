"""Pods for the tests of admission: each differs from a minimal one in the fields that a test names."""

from __future__ import annotations

import json
import re
from typing import Any

from ecirun.policy.admission.load import load_gates
from ecirun.policy.admission.stage import Admission, admit
from ecirun.spec import read_pods
from ecirun.spec.read import Reading

C, I = "spec.containers[0]", "spec.initContainers[0]"  # noqa: E741

# What every pod of the restricted level says; a test takes away or changes one thing.
RESTRICTED: dict[str, Any] = {
    "spec.securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    f"{C}.securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    f"{I}.securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
}


def pod(*layers: dict[str, Any]) -> dict[str, Any]:
    """A minimal pod with one container and one init container, and the fields of the layers laid over it."""
    values: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "test"},
        "spec": {
            "containers": [{"name": "c", "image": "busybox"}],
            "initContainers": [{"name": "i", "image": "busybox"}],
        },
    }
    for layer in layers:
        for path, value in layer.items():
            put(values, path, json.loads(json.dumps(value)))
    return values


def put(values: Any, path: str, value: Any) -> None:
    """Set the field at `path`, or take it away when `value` is None."""
    *parents, last = [
        int(part) if part.isdecimal() else part
        for part in re.findall(r"\[([^\]]+)\]|([^.\[\]]+)", path)
        for part in part
        if part
    ]
    for part in parents:
        values = values.setdefault(part, {}) if isinstance(values, dict) else values[part]
    if value is None:
        values.pop(last, None)
    else:
        values[last] = value


def reading(values: dict[str, Any]) -> Reading:
    """The pod as it is read, which loses nothing of it. Today's API may refuse it: admission has older versions."""
    result = read_pods(json.dumps(values, indent=1).encode(), "pod.json")[0]
    assert result.values == values
    return result


def admitted(values: dict[str, Any], *wanted: str, allowed: tuple[str, ...] = ()) -> Admission:
    """What the gates say of the pod."""
    return admit(reading(values), load_gates(wanted, allowed).all)


def errors(admission: Admission) -> list[tuple[str, str, str]]:
    """Rule, path and message of each error."""
    return [(entry.rule.id, entry.path, entry.message) for entry in admission.findings if entry.severity == "error"]
