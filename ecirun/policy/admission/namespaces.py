"""Pod Security Admission by the labels of Namespaces: what is enforced refuses, what is audited or warned of is said.

Source of the rule: k8s.io/pod-security-admission api/helpers.go (PolicyToEvaluate) and admission/admission.go (EvaluatePod). A
workload is judged as the pods that it would make.
"""

from __future__ import annotations

from collections.abc import Mapping

from ecirun.policy.admission.outcome import Outcome, finding
from ecirun.policy.admission.standards import LEVELS
from ecirun.policy.admission.standards.check import Level
from ecirun.policy.admission.standards.gate import (
    LevelVersion,
    evaluate,
    findings_of,
    parse_level,
    parse_version,
    refusal,
)
from ecirun.record import Record
from ecirun.spec.field_error import invalid_value
from ecirun.spec.finding import Finding
from ecirun.spec.read import Reading

PREFIX = "pod-security.kubernetes.io/"


class Modes(Record):
    """What a Namespace enforces, audits and warns of."""

    enforce: LevelVersion = LevelVersion()
    audit: LevelVersion = LevelVersion()
    warn: LevelVersion = LevelVersion()


class BadLabel(ValueError):
    """A label that the API server would refuse; the text is its field error."""


def modes_of(labels: Mapping[str, str]) -> Modes:
    """What the labels ask for. Raises BadLabel."""
    enforce, audit, warn = (_mode(labels, mode) for mode in ("enforce", "audit", "warn"))
    asked: Level = enforce.level
    # Whoever enforces more than he warns of is warned by what he enforces.
    if PREFIX + "enforce" in labels and PREFIX + "warn" not in labels and LEVELS.index(asked) > LEVELS.index(warn.level):
        version = warn.version if PREFIX + "warn-version" in labels else enforce.version
        warn = LevelVersion(asked, version)
    return Modes(enforce, audit, warn)


def _mode(labels: Mapping[str, str], mode: str) -> LevelVersion:
    result = LevelVersion()
    key = PREFIX + mode
    try:
        if key in labels:
            result = result._replace(level=parse_level(labels[key]))
        key = f"{PREFIX}{mode}-version"
        if key in labels:
            result = result._replace(version=parse_version(labels[key]))
    except ValueError as error:
        raise BadLabel(f"metadata.labels[{key}]: {invalid_value(labels[key], str(error))}") from None
    return result


class NamespaceGate:
    """Judges each pod by the Namespace that it is in.

    A pod that names no namespace is in the only one that is known, or else in "default".
    """

    name = "namespaces"

    def __init__(self) -> None:
        self.known: dict[str, Modes] = {}

    def learn(self, name: str, labels: Mapping[str, str]) -> None:
        """Know one Namespace more. Raises BadLabel."""
        self.known[name] = modes_of(labels)

    def judge(self, reading: Reading) -> Outcome:
        """What the Namespace enforces, as errors; else what it warns of and audits."""
        namespace = reading.values.get("metadata", {}).get("namespace", "")
        if not namespace:
            namespace = next(iter(self.known)) if len(self.known) == 1 else "default"
        modes = self.known.get(namespace)
        if modes is None:
            return Outcome(reading, (_not_given(reading, namespace, self.known),))
        if violations := evaluate(reading, modes.enforce):
            return Outcome(
                reading, findings_of(reading, modes.enforce, violations), refusal(reading, modes.enforce, violations)
            )
        findings = findings_of(reading, modes.warn, evaluate(reading, modes.warn), "warning")
        if modes.audit != modes.warn:
            findings += findings_of(reading, modes.audit, evaluate(reading, modes.audit), "note")
        return Outcome(reading, findings)


def _not_given(reading: Reading, namespace: str, known: Mapping[str, Modes]) -> Finding:
    there = ", ".join(f'"{name}"' for name in sorted(known)) or "none"
    return finding(
        reading,
        "namespace-not-given",
        "metadata.namespace",
        namespace,
        f'the labels of Namespace "{namespace}" are not known, so nothing was enforced; known: {there}',
        hint="give the Namespace's manifest with --admission",
        severity="note",
    )
