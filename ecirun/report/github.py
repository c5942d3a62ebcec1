"""Verdicts for GitHub Actions: the whole text folded away, and annotations at the lines.

GitHub shows at most 10 errors and 10 warnings of a step and drops the rest without a word. So the errors come first, the rest
is counted, and nothing is lost, for all of it is in the text.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from urllib.parse import unquote

from ecirun.report.output import Head, Tally
from ecirun.report.relative_uri import relative_uri
from ecirun.report.text import TextOutput, tally_text
from ecirun.report.verdict import Verdict
from ecirun.spec.finding import Finding

MOST = 10  # annotations of one kind in one step


class GithubOutput:
    """Workflow commands on standard output, where the runner reads them."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write = write
        self.text = TextOutput(write, write, quiet=False)
        self.annotations: dict[str, list[str]] = {"error": [], "warning": []}
        self.counts = {"error": 0, "warning": 0}
        # The text has names of the input in it, and whoever wrote that must not guess how commands are let in again.
        self.token = os.urandom(16).hex()

    def begin(self, head: Head) -> None:
        """Open the group of the text, in which nothing is a command."""
        self.write(f"::group::ecirun check\n::stop-commands::{self.token}\n")
        self.text.begin(head)

    def add(self, verdict: Verdict) -> None:
        """The text of one pod; its annotations come at the end."""
        self.text.add(verdict)
        for finding in verdict.findings:
            if finding.severity == "note":
                continue
            self.counts[finding.severity] += 1
            kept = self.annotations[finding.severity]
            if len(kept) < MOST:
                kept.append(annotation(verdict, finding))

    def end(self, tally: Tally) -> None:
        """Close the group, then the annotations: errors first."""
        self.write(f"::{self.token}::\n::endgroup::\n")
        for severity in ("error", "warning"):
            for line in self.annotations[severity]:
                self.write(f"{line}\n")
        left = sum(self.counts[severity] - len(self.annotations[severity]) for severity in self.counts)
        rest = f"; {left} more are in the log, in the group ecirun check" if left else ""
        self.write(f"::notice title=ecirun::{_data(tally_text(tally) + rest)}\n")


def annotation(verdict: Verdict, finding: Finding) -> str:
    """One workflow command."""
    mark = finding.mark
    properties = {
        "file": unquote(relative_uri(mark.file)),
        "line": str(max(mark.line, 1)),
        "col": str(max(mark.column, 1)),
        "title": finding.rule.id,
    }
    shown = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    text = f"{verdict.kind} {verdict.name}: {finding.path}: {finding.message}"
    if finding.hint:
        text += f"\nhint: {finding.hint}"
    return f"::{finding.severity} {shown}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
