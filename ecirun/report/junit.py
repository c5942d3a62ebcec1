"""Verdicts as JUnit XML: a test suite for each file, a test case for each pod and for each rule that a pod breaks.

Readers want the counts before the cases, so the cases are kept until the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from xml.sax.saxutils import escape, quoteattr

from ecirun.report.output import Head, Tally
from ecirun.report.text import printable
from ecirun.report.verdict import Verdict
from ecirun.spec.finding import Finding, Severity


class JunitOutput:
    """One document."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write = write
        self.failing: tuple[Severity, ...] = ("error",)
        self.suites: dict[str, list[str]] = {}
        self.failures: dict[str, int] = {}

    def begin(self, head: Head) -> None:
        """Note what counts as a failure."""
        if head.fail_on_warning:
            self.failing = ("error", "warning")

    def add(self, verdict: Verdict) -> None:
        """Its test cases: one for each rule that it breaks, or one that passes."""
        cases = self.suites.setdefault(verdict.mark.file, [])
        broken: dict[str, list[Finding]] = {}
        for finding in verdict.findings:
            if finding.severity in self.failing:
                broken.setdefault(finding.rule.id, []).append(finding)
        name = f"{verdict.kind} {verdict.name}".strip()
        others = [finding for finding in verdict.findings if finding.severity not in self.failing]
        if not broken:
            cases.append(_case(verdict, name, "", others))
        for rule, findings in broken.items():
            message = f"{findings[0].path}: {findings[0].message}"
            failure = f"<failure type={_attribute(rule)} message={_attribute(message)}>{_text(_lines(findings))}</failure>"
            cases.append(_case(verdict, f"{name}: {rule}", failure, others))
            others = []
        self.failures[verdict.mark.file] = self.failures.get(verdict.mark.file, 0) + len(broken)

    def end(self, _tally: Tally) -> None:
        """Write it all."""
        tests = sum(len(cases) for cases in self.suites.values())
        failures = sum(self.failures.values())
        self.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        self.write(f'<testsuites name="ecirun" tests="{tests}" failures="{failures}" errors="0">\n')
        for file, cases in self.suites.items():
            counts = f'tests="{len(cases)}" failures="{self.failures[file]}" errors="0" skipped="0"'
            self.write(f"  <testsuite name={_attribute(file)} {counts}>\n")
            for case in cases:
                self.write(case)
            self.write("  </testsuite>\n")
        self.write("</testsuites>\n")


def _case(verdict: Verdict, name: str, failure: str, others: Iterable[Finding]) -> str:
    said = _lines(others)
    inner = failure + (f"<system-out>{_text(said)}</system-out>" if said else "")
    head = (
        f"    <testcase classname={_attribute(verdict.mark.file)} name={_attribute(name)} "
        f'file={_attribute(verdict.mark.file)} line="{verdict.mark.line}"'
    )
    return f"{head}>{inner}</testcase>\n" if inner else f"{head}/>\n"


def _lines(findings: Iterable[Finding]) -> str:
    lines = []
    for finding in findings:
        lines.append(f"{finding.mark}: {finding.severity}: {finding.path}: {finding.message} [{finding.rule.id}]")
        if finding.hint:
            lines.append(f"    hint: {finding.hint}")
    return "\n".join(printable(line) for line in lines)


def _text(text: str) -> str:
    return escape(text)


def _attribute(text: str) -> str:
    return quoteattr(printable(text))
