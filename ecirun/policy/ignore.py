"""The annotation `ecirun/ignore: rule-id (reason), …`: findings that the owner of a pod has looked at and lives with.

It makes notes of the findings of admission and of ECI's policy, and of warnings. What the API itself refuses cannot be ignored:
such a pod does not come to be. Only `check` listens to it: nobody talks his way into a cluster.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ecirun.policy.admission.outcome import admission_rules
from ecirun.policy.load import Policy
from ecirun.spec.finding import Finding, Ignored
from ecirun.spec.findings import spec_rules
from ecirun.spec.read import Reading

ANNOTATION = "ecirun/ignore"

_ENTRY = re.compile(r"\s*(?P<rule>[A-Za-z0-9_.:-]+)\s*(?:\((?P<reason>[^)]*)\))?\s*")


def ignore(findings: Iterable[Finding], reading: Reading, policy: Policy) -> list[Finding]:
    """The findings, with those that the pod asks to ignore as notes, and a warning for each rule that there is not."""
    asked = dict(_asked(reading))
    if not asked:
        return list(findings)
    result = [_ignored(finding, asked[finding.rule.id]) if _may(finding, asked) else finding for finding in findings]
    known = (*spec_rules(), *admission_rules(), *policy.rules)
    return result + [_unknown(reading, rule, known) for rule in asked if rule not in known]


def _asked(reading: Reading) -> Iterable[tuple[str, str]]:
    """Each rule that an annotation of the object or of its pod template names, and the reason."""
    for metadata in (reading.values.get("metadata", {}), reading.template.get("metadata", {})) if reading.pod else ():
        text = metadata.get("annotations", {}).get(ANNOTATION, "")
        at = 0
        while at < len(text):
            entry = _ENTRY.match(text, at)
            if entry is None:
                at += 1  # a comma, or what no entry begins with
                continue
            yield entry["rule"], (entry["reason"] or "").strip()
            at = entry.end()


def _may(finding: Finding, asked: dict[str, str]) -> bool:
    return finding.rule.id in asked and not (finding.rule.stage == "spec" and finding.severity == "error")


def _ignored(finding: Finding, reason: str) -> Finding:
    why = f"ignored ({reason})" if reason else "ignored"
    return finding._replace(severity="note", message=f"{why}: {finding.message}", ignored=Ignored(finding.severity, reason))


def _unknown(reading: Reading, rule: str, known: tuple[str, ...]) -> Finding:
    from ecirun.spec.schema import nearest

    near = nearest(rule, known)
    assert reading.pod is not None
    holder = "" if ANNOTATION in reading.values.get("metadata", {}).get("annotations", {}) else reading.pod.prefix
    path = f"{holder}metadata.annotations[{ANNOTATION}]"
    hint = f"did you mean {near}?" if near else spec_rules()["ignore-unknown-rule"].remedy
    message = f'there is no rule "{rule}" to ignore'
    return Finding(spec_rules()["ignore-unknown-rule"], "warning", path, rule, message, hint, reading.pod.where(path))
