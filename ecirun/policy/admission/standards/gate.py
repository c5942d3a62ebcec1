"""A level of a version as a gate."""

from __future__ import annotations

import re

from ecirun.policy.admission.outcome import Outcome, admission_rules, finding, value_at
from ecirun.policy.admission.pod_values import pod_values
from ecirun.policy.admission.standards import LEVELS, NEWEST, checks_of
from ecirun.policy.admission.standards.check import Check, Level, Violation
from ecirun.record import Record
from ecirun.spec.finding import Finding, Severity
from ecirun.spec.read import Reading

_VERSION = re.compile(r"v1\.(0|[1-9][0-9]*)")
LATEST = "latest"


class LevelVersion(Record):
    """A level and the version by which it judges: `v1.N`, or `latest`."""

    level: Level = "privileged"
    version: str = LATEST

    def __str__(self) -> str:
        return f"{self.level}:{self.version}"


def parse_level(text: str) -> Level:
    """The level of that name. Raises ValueError in upstream's words."""
    for level in LEVELS:
        if text == level:
            return level
    raise ValueError(f"must be one of {', '.join(LEVELS)}")


def parse_version(text: str) -> str:
    """The version, as Kubernetes writes it. Raises ValueError in upstream's words."""
    if text != LATEST and not _VERSION.fullmatch(text):
        raise ValueError('must be "latest" or "v1.x"')
    return text


def minor_of(version: str) -> int:
    """The minor version whose checks judge: no newer one than is known here."""
    return NEWEST if version == LATEST else min(int(version.removeprefix("v1.")), NEWEST)


class StandardGate(Record):
    """Refuses what the level forbids."""

    wanted: LevelVersion
    name: str

    def judge(self, reading: Reading) -> Outcome:
        """A finding for each check that forbids the pod."""
        violations = evaluate(reading, self.wanted)
        if not violations:
            return Outcome(reading)
        return Outcome(reading, findings_of(reading, self.wanted, violations), refusal(reading, self.wanted, violations))


def evaluate(reading: Reading, wanted: LevelVersion) -> list[tuple[Check, Violation]]:
    """What each check of the level forbids, in upstream's order."""
    assert reading.pod is not None
    checks = checks_of(wanted.level, minor_of(wanted.version))
    if not checks:
        return []
    pod = pod_values(reading.template, reading.pod.prefix)
    return [(check, violation) for check, forbids in checks if (violation := forbids(pod)) is not None]


def refusal(reading: Reading, wanted: LevelVersion, violations: list[tuple[Check, Violation]]) -> str:
    """The API server's sentence (admission/admission.go, EvaluatePod)."""
    listed = ", ".join(f"{violation.reason} ({violation.detail})" for _check, violation in violations)
    return f'pods "{reading.name}" is forbidden: violates PodSecurity "{wanted}": {listed}'


def findings_of(
    reading: Reading, wanted: LevelVersion, violations: list[tuple[Check, Violation]], severity: Severity = "error"
) -> tuple[Finding, ...]:
    """One finding per check, at the first place that it forbids; the hint names the lines of the others."""
    verb = "violates" if severity == "error" else "would violate"
    return tuple(
        finding(
            reading,
            check.rule,
            violation.paths[0],
            value_at(reading.values, violation.paths[0]),
            f'{verb} PodSecurity "{wanted}": {violation.reason} ({violation.detail})',
            hint=admission_rules()[check.rule].remedy + _elsewhere(reading, violation.paths),
            severity=severity,
        )
        for check, violation in violations
    )


def _elsewhere(reading: Reading, paths: tuple[str, ...]) -> str:
    assert reading.pod is not None
    first, *others = [reading.pod.where(path).line for path in paths]
    lines = sorted(set(others) - {first})
    if not lines:
        return ""
    return f" (also line{'s' if len(lines) > 1 else ''} {', '.join(str(line) for line in lines)})"
