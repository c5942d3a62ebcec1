"""A JSON schema of pods and workloads for editors: the API's fields and types, and of their values only what the policy allows.

Draft 7, which yaml-language-server and the editors built on it know. A schema cannot say everything that `check` finds: what
depends on two fields at once, such as runAsNonRoot with runAsUser, is left to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ecirun.policy.capabilities import NUMBERS
from ecirun.policy.load import Policy
from ecirun.spec.effects import ACTED_ON
from ecirun.spec.read import KINDS
from ecirun.spec.schema import types

Schema = dict[str, Any]

SCALARS: Mapping[str, Schema] = {
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "int32": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "int64": {"type": "integer"},
    "intOrString": {"type": ["integer", "string"]},
    "quantity": {
        "type": ["number", "string"],
        "pattern": "^[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+|[KMGTPE]i|[numkMGTPE])?$",
    },
    "any": {},
}

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "PodSpec": ("containers",),
    "Container": ("name", "image"),
    "ContainerPort": ("containerPort",),
    "EnvVar": ("name",),
    "Sysctl": ("name", "value"),
    "Volume": ("name",),
    "VolumeMount": ("name", "mountPath"),
}


def editor_schema(policy: Policy) -> Schema:
    """The whole schema."""
    definitions = {name: _object(name, fields, policy) for name, fields in types().items() if name in _reachable(KINDS)}
    for kind, record in KINDS.items():
        definitions[kind]["properties"]["kind"] = {"const": kind}
        definitions[kind]["properties"]["apiVersion"] = {"const": record.api_version}
        definitions[kind]["required"] = ["apiVersion", "kind", "metadata"]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"Pods as {policy.name} takes them",
        "description": f"{policy.title}. {policy.source}",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": {"kind": {"enum": list(KINDS)}},
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
                "then": {"$ref": f"#/definitions/{kind}"},
            }
            for kind in KINDS
        ],
        "definitions": definitions,
    }


def _reachable(kinds: Iterable[str]) -> set[str]:
    """Every object type that the kinds are made of."""
    found: set[str] = set()
    waiting = list(kinds)
    while waiting:
        name = waiting.pop()
        if name not in found and name in types():
            found.add(name)
            waiting += [_element(kind) for kind in types()[name].values()]
    return found


def _element(kind: str) -> str:
    return kind.removeprefix("[]").removeprefix("map:")


def _object(name: str, fields: Mapping[str, str], policy: Policy) -> Schema:
    allowed = _allowed(policy) if policy.judges else {}
    properties = {}
    for field, kind in fields.items():
        properties[field] = {**_typed(kind), **_said(name, field), **allowed.get((name, field), {})}
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if name in REQUIRED:
        schema["required"] = list(REQUIRED[name])
    return schema


def _typed(kind: str) -> Schema:
    if kind.startswith("[]"):
        return {"type": "array", "items": _typed(kind[2:])}
    if kind.startswith("map:"):
        return {"type": "object", "additionalProperties": _typed(kind[4:])}
    if kind in types():
        # In draft 7 nothing beside a $ref counts.
        return {"allOf": [{"$ref": f"#/definitions/{kind}"}]}
    return dict(SCALARS[kind])


def _said(name: str, field: str) -> Schema:
    """What an editor shows beside a field that is right and that nothing here carries out."""
    acted_on = ACTED_ON.get(name)
    if acted_on is None or field in acted_on:
        return {}
    return {"description": "Has no effect in ecirun."}


def _allowed(policy: Policy) -> Mapping[tuple[str, str], Schema]:
    """What the policy leaves of the values of a field, with the rule that says so."""
    addable = sorted(set(policy.capabilities_addable) - set(policy.capabilities_ticket_only))

    def one_of(rule: str, *values: object) -> Schema:
        return {"enum": list(values), "description": _rule_text(policy, rule)}

    return {
        ("Capabilities", "add"): {
            "items": {"enum": addable},
            "description": _rule_text(policy, "capability-not-permitted"),
        },
        ("Capabilities", "drop"): {
            "items": {"enum": ["ALL", *sorted(NUMBERS)]},
            "description": _rule_text(policy, "capability-unknown"),
        },
        ("Sysctl", "name"): {
            "pattern": _names(policy.sysctls_allowed),
            "not": {"pattern": _names(policy.sysctls_refused)} if policy.sysctls_refused else {"pattern": "(?!)"},
            "description": _rule_text(policy, "sysctl-not-permitted"),
        },
        ("SecurityContext", "privileged"): one_of("privileged-unsupported", False),
        ("SecurityContext", "procMount"): one_of("proc-mount-unsupported", "Default"),
        ("SecurityContext", "readOnlyRootFilesystem"): one_of("writable-root-unsupported", True),
        ("PodSpec", "hostNetwork"): one_of("host-network", False),
        ("PodSpec", "hostPID"): one_of("host-pid", False),
        ("PodSpec", "hostIPC"): one_of("host-ipc", False),
        ("ContainerPort", "hostPort"): one_of("host-port", 0),
        ("Volume", "hostPath"): {"not": {}, "description": _rule_text(policy, "host-path")},
        ("DaemonSet", "spec"): {"not": {}, "description": _rule_text(policy, "daemon-set")},
    }


def _rule_text(policy: Policy, rule: str) -> str:
    record = policy.rules[rule]
    allowed = f" Allowed: {', '.join(record.allowed)}." if record.allowed else ""
    return f"{record.summary}.{allowed} ({rule})"


def _names(patterns: Iterable[str]) -> str:
    """A regular expression (ECMA 262) for sysctl names in both spellings."""
    branches = []
    for entry in patterns:
        name = entry.removesuffix("*")
        end = "" if entry.endswith("*") else "$"
        branches += [re.escape(spelling) + end for spelling in dict.fromkeys((name, name.replace(".", "/")))]
    return f"^({'|'.join(branches)})"
