"""Verdicts as SARIF 2.1.0, for code scanning (https://docs.oasis-open.org/sarif/sarif/v2.1.0/).

`results` is always there, paths are relative URIs, rule ids and fingerprints stay the same from run to run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ecirun import __version__
from ecirun.report.fingerprint import fingerprint
from ecirun.report.output import Head, Tally
from ecirun.report.relative_uri import relative_uri
from ecirun.report.verdict import Verdict
from ecirun.spec.finding import Finding
from ecirun.spec.rules import Rule

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


class SarifOutput:
    """One log with one run. All rules stand in it, found or not, so that their numbers do not depend on the input."""

    def __init__(self, write: Callable[[str], object], rules: Mapping[str, Rule]) -> None:
        self.write = write
        self.rules = dict(sorted(rules.items()))
        self.numbers = {rule: number for number, rule in enumerate(self.rules)}
        self.before = "\n"
        self.seen: dict[str, int] = {}

    def begin(self, head: Head) -> None:
        """Everything up to the results."""
        driver = {
            "name": "ecirun",
            "version": __version__,
            "semanticVersion": __version__,
            "rules": [_rule(rule) for rule in self.rules.values()],
        }
        properties = {"policy": head.policy, "admission": head.gates}
        self.write(
            f'{{"$schema": {_dumped(SCHEMA)}, "version": "2.1.0", "runs": [{{"tool": {{"driver": {_dumped(driver)}}}, '
            f'"columnKind": "unicodeCodePoints", "properties": {_dumped(properties)}, "results": ['
        )

    def add(self, verdict: Verdict) -> None:
        """One result for each finding."""
        for finding in verdict.findings:
            self.write(f"{self.before}{_dumped(self._result(verdict, finding))}")
            self.before = ",\n"

    def end(self, _tally: Tally) -> None:
        """Close the document."""
        self.write("\n]}]}\n")

    def _result(self, verdict: Verdict, finding: Finding) -> dict[str, Any]:
        ignored = finding.ignored
        mark = finding.mark
        print_of = fingerprint(verdict, finding)
        # Two findings may be the same but for their place, such as two wrong entries of a list.
        self.seen[print_of] = self.seen.get(print_of, 0) + 1
        result: dict[str, Any] = {
            "ruleId": finding.rule.id,
            "ruleIndex": self.numbers[finding.rule.id],
            "level": ignored.severity if ignored else finding.severity,
            "message": {"text": _message(verdict, finding)},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": relative_uri(mark.file)},
                        "region": {"startLine": max(mark.line, 1), "startColumn": max(mark.column, 1)},
                    },
                    "logicalLocations": [{"fullyQualifiedName": f"{verdict.kind}/{verdict.name}/{finding.path}"}],
                }
            ],
            "partialFingerprints": {"ecirun/v1": f"{print_of}:{self.seen[print_of]}"},
            "properties": {"stage": finding.rule.stage, "certainty": finding.rule.certainty, "pod": verdict.name},
        }
        if ignored:
            result["suppressions"] = [{"kind": "inSource", "justification": ignored.reason}]
        return result


def _message(verdict: Verdict, finding: Finding) -> str:
    text = f"{verdict.kind} {verdict.name}: {finding.path}: {finding.message}"
    return f"{text}. {finding.hint[:1].upper()}{finding.hint[1:]}." if finding.hint else text


def _rule(rule: Rule) -> dict[str, Any]:
    text = f"{rule.reason}\n\nWhat to do: {rule.remedy}.\n\nSource: {rule.source} ({rule.certainty})."
    return {
        "id": rule.id,
        "name": "".join(part.capitalize() for part in rule.id.split("-")),
        "shortDescription": {"text": f"{rule.summary}."},
        "fullDescription": {"text": rule.reason},
        "help": {"text": text, "markdown": text},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["security", rule.stage, rule.certainty]},
    }


def _dumped(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)
