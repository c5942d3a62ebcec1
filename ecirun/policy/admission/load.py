"""`--admission NAME|FILE` → gates."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from ecirun.errors import PolicyUnreadable, SpecUnreadable, UsageError
from ecirun.policy.admission.kubelet import KubeletGate
from ecirun.policy.admission.namespaces import BadLabel, NamespaceGate
from ecirun.policy.admission.outcome import Gate
from ecirun.policy.admission.psp.gate import PolicyGate
from ecirun.policy.admission.psp.policy import PodSecurityPolicy, complaints_about, read_policy
from ecirun.policy.admission.standards import LEVELS
from ecirun.policy.admission.standards.gate import LATEST, LevelVersion, StandardGate, parse_level, parse_version
from ecirun.record import Record
from ecirun.spec.decode import Decoder
from ecirun.spec.findings import Findings
from ecirun.spec.read import stream_objects
from ecirun.spec.schema import Fields, types
from ecirun.spec.yaml_tree import MapNode, ScalarNode

DATA = os.path.join(os.path.dirname(__file__), "data")
STANDARD, POLICY, KUBELET, NAMESPACES = "pss:", "psp:", "kubelet", "namespaces"


class Gates(Record):
    """What was asked for. `namespaces` is the gate that learns Namespaces from the input, where that was asked for."""

    all: tuple[Gate, ...] = ()
    namespaces: NamespaceGate | None = None

    @property
    def names(self) -> str:
        """All names, for a report."""
        return ", ".join(gate.name for gate in self.all)


NO_GATES = Gates()


def policy_names() -> tuple[str, ...]:
    """The PodSecurityPolicies that ecirun brings."""
    return tuple(sorted(name.removesuffix(".yaml") for name in os.listdir(DATA) if name.endswith(".yaml")))


def gate_names() -> tuple[str, ...]:
    """Every name that --admission takes."""
    return (
        *(f"{STANDARD}{level}" for level in LEVELS),
        *(f"{POLICY}{name}" for name in policy_names()),
        KUBELET,
        NAMESPACES,
    )


def load_gates(wanted: Sequence[str], allowed_unsafe_sysctls: Sequence[str] = ()) -> Gates:
    """The gates of those names and files, PodSecurityPolicy first, for it may change the pod, and the kubelet last.

    Patterns of allowed unsafe sysctls ask for the kubelet's rule too. Raises UsageError or PolicyUnreadable.
    """
    policies: dict[str, PodSecurityPolicy] = {}
    standards: dict[str, StandardGate] = {}
    namespaces = NamespaceGate()
    from_input = False
    kubelet = bool(allowed_unsafe_sysctls)
    for name in wanted:
        if name.startswith(STANDARD):
            gate = _standard(name)
            standards[gate.name] = gate
        elif name == KUBELET:
            kubelet = True
        elif name == NAMESPACES:
            from_input = True
        else:
            for policy in _from_file(_path_of(name), namespaces):
                policies[policy.name] = policy
    gates: list[Gate] = [PolicyGate(tuple(policies.values()))] if policies else []
    gates += standards.values()
    if namespaces.known or from_input:
        gates.append(namespaces)
    if kubelet:
        gates.append(KubeletGate(allowed_unsafe_sysctls))
    return Gates(tuple(gates), namespaces if from_input else None)


def _standard(name: str) -> StandardGate:
    level, _, version = name.removeprefix(STANDARD).partition("@")
    try:
        wanted = LevelVersion(parse_level(level), parse_version(_with_v(version or LATEST)))
    except ValueError as error:
        raise UsageError(
            f'Can\'t take Pod Security Standard "{name}": {error}',
            hint="write pss:LEVEL or pss:LEVEL@VERSION, as in pss:baseline@v1.25",
        ) from None
    shown = wanted.level if wanted.version == LATEST else f"{wanted.level}@{wanted.version}"
    return StandardGate(wanted, f"{STANDARD}{shown}")


def _with_v(version: str) -> str:
    return f"v{version}" if version[:1].isdecimal() else version


def _path_of(name: str) -> str:
    if name.startswith(POLICY):
        if name.removeprefix(POLICY) not in policy_names():
            known = ", ".join(f"{POLICY}{policy}" for policy in policy_names())
            raise UsageError(f'Can\'t find PodSecurityPolicy "{name}"', hint=f"choose one of {known}, or give its manifest")
        return os.path.join(DATA, f"{name.removeprefix(POLICY)}.yaml")
    if not os.path.exists(name) and "/" not in name and not name.endswith((".yaml", ".yml", ".json")):
        from difflib import get_close_matches

        near = get_close_matches(name, gate_names(), n=1)
        hint = f"did you mean {near[0]}?" if near else "choose one of " + ", ".join(gate_names()) + ", or give a manifest"
        raise UsageError(f'Can\'t find admission "{name}"', hint=hint)
    return name


def _from_file(path: str, namespaces: NamespaceGate) -> Iterable[PodSecurityPolicy]:
    """The policies of a manifest; Namespaces in it are learned."""
    try:
        with open(path, "rb") as stream:
            objects = list(stream_objects(stream, path))
    except OSError as error:
        hint = "give a manifest with PodSecurityPolicies or Namespaces, or one of " + ", ".join(gate_names())
        raise PolicyUnreadable(f"Can't read {path}: {error.strerror}", hint=hint) from None
    except SpecUnreadable as error:
        raise PolicyUnreadable(error.message, hint=error.hint) from None
    policies = []
    learned = False
    for node in objects:
        kind = kind_of(node)
        if kind == "PodSecurityPolicy":
            values = decoded(node, kind)
            if complaints := complaints_about(values):
                name = values.get("metadata", {}).get("name", "")
                raise PolicyUnreadable(
                    f'Can\'t take PodSecurityPolicy "{name}" at {node.mark}: {complaints[0]}',
                    hint="correct it: the API server would refuse it too",
                )
            policies.append(read_policy(values))
        elif kind == "Namespace":
            learn(namespaces, node)
            learned = True
    if not policies and not learned:
        raise PolicyUnreadable(
            f"Can't take {path} for admission: it holds no PodSecurityPolicy and no Namespace",
            hint="give such a manifest, or one of " + ", ".join(gate_names()),
        )
    return policies


def learn(namespaces: NamespaceGate, node: MapNode) -> None:
    """Let the gate know the Namespace of a manifest. Raises PolicyUnreadable."""
    metadata = decoded(node, "Namespace").get("metadata", {})
    name = metadata.get("name", "")
    try:
        namespaces.learn(name, metadata.get("labels", {}))
    except BadLabel as error:
        raise PolicyUnreadable(
            f'Can\'t take Namespace "{name}" at {node.mark}: {error}',
            hint="correct the label: the API server would refuse it too",
        ) from None


def decoded(node: MapNode, kind: str) -> dict[str, Any]:
    """The checked values of an object of that kind. Raises PolicyUnreadable for the first thing that does not fit."""
    findings = Findings(node.mark, "strict")
    values = Decoder(findings, "spec", _types()).object(node, kind, "")
    if findings.found:
        first = findings.in_file_order()[0]
        raise PolicyUnreadable(f"Can't take {kind} at {first.mark}: {first.path}: {first.message}", hint=first.hint)
    return values


@cache
def _types() -> dict[str, Fields]:
    import json

    with open(os.path.join(DATA, "objects-v1.json"), "rb") as stream:
        table: dict[str, Fields] = json.load(stream)
    return {**types(), **table}


def kind_of(node: MapNode) -> str:
    """What the object says it is; empty when it says nothing."""
    kind = node.get("kind")
    return kind.value if isinstance(kind, ScalarNode) and isinstance(kind.value, str) else ""
