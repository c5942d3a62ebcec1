"""Verdicts as a GitLab code quality report (a JSON list; https://docs.gitlab.com/ci/testing/code_quality/)."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import unquote

from ecirun.report.fingerprint import fingerprint
from ecirun.report.output import Head, Tally
from ecirun.report.relative_uri import relative_uri
from ecirun.report.verdict import Verdict

SEVERITIES = {"error": "critical", "warning": "minor", "note": "info"}


class GitlabOutput:
    """One list with an element for each finding."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write = write
        self.before = "\n"
        self.seen: dict[str, int] = {}

    def begin(self, _head: Head) -> None:
        """Open the list."""
        self.write("[")

    def add(self, verdict: Verdict) -> None:
        """Its findings. GitLab drops a repeated fingerprint, so a finding that comes again is numbered."""
        for finding in verdict.findings:
            print_of = fingerprint(verdict, finding)
            number = self.seen[print_of] = self.seen.get(print_of, 0) + 1
            issue = {
                "description": f"{verdict.kind} {verdict.name}: {finding.path}: {finding.message}",
                "check_name": finding.rule.id,
                "fingerprint": print_of if number == 1 else f"{print_of}-{number}",
                "severity": SEVERITIES[finding.severity],
                "location": {
                    "path": unquote(relative_uri(finding.mark.file)),
                    "lines": {"begin": max(finding.mark.line, 1)},
                },
            }
            self.write(f"{self.before}{json.dumps(issue)}")
            self.before = ",\n"

    def end(self, _tally: Tally) -> None:
        """Close the list."""
        self.write("\n]\n" if self.before != "\n" else "]\n")
