"""What a gate of the admission stage says of a pod, and the words of its rules."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

from ecirun.record import Record
from ecirun.spec.finding import Finding, Severity
from ecirun.spec.own_table import own_table
from ecirun.spec.read import Reading
from ecirun.spec.rules import Rule, rules_from_table


class Outcome(Record):
    """One gate's judgement. `reading` has the pod as it leaves the gate, perhaps changed; `refusal` is Kubernetes' sentence."""

    reading: Reading
    findings: tuple[Finding, ...] = ()
    refusal: str = ""


class Gate(Protocol):
    """One thing that must let a pod pass. `name` is how reports call it."""

    @property
    def name(self) -> str:
        """How reports call it."""

    def judge(self, reading: Reading) -> Outcome:
        """What it says of the pod of `reading`, which has one."""


@cache
def admission_rules() -> Mapping[str, Rule]:
    """The rules of the stage by id, from rules.toml."""
    # Only a finding needs the rules, and most pods have none.
    return rules_from_table(own_table(os.path.join(os.path.dirname(__file__), "rules.toml")), "admission", "rules.toml")


def finding(
    reading: Reading, rule: str, path: str, value: Any, message: str, *, hint: str = "", severity: Severity = "error"
) -> Finding:
    """A finding of the stage, at the place of `path` or of its nearest parent that is written."""
    assert reading.pod is not None
    return Finding(admission_rules()[rule], severity, path, value, message, hint, reading.pod.where(path))


def value_at(values: Any, path: str) -> Any:
    """The plain value at a field path of an object; None when it is not there."""
    for part in _parts(path):
        if isinstance(part, int):
            values = values[part] if isinstance(values, list) and part < len(values) else None
        else:
            values = values.get(part) if isinstance(values, Mapping) else None
    return values


def _parts(path: str) -> list[str | int]:
    """`spec.a[0].b[x/y.z]` in its parts."""
    parts: list[str | int] = []
    rest = path
    while rest:
        if rest.startswith("["):
            inside, _, rest = rest[1:].partition("]")
            parts.append(int(inside) if inside.isdecimal() else inside)
        else:
            ends = [at for at in (rest.find("."), rest.find("[")) if at >= 0]
            cut = min(ends, default=len(rest))
            parts.append(rest[:cut])
            rest = rest[cut:]
        rest = rest.removeprefix(".")
    return parts
