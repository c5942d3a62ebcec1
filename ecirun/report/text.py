"""Findings and verdicts as lines that a person reads."""

from __future__ import annotations

import re
from collections.abc import Callable

from ecirun.report.output import Head, Tally
from ecirun.report.verdict import Verdict
from ecirun.spec.finding import Finding

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def printable(text: str) -> str:
    """The text with every control character escaped: names and keys of a file must not steer the terminal."""
    return _CONTROL.sub(lambda match: repr(match[0])[1:-1], text)


def finding_text(finding: Finding) -> str:
    """One finding: where, what, and what to do about it."""
    lines = [printable(f"{finding.mark}: {finding.severity}: {finding.path}: {finding.message}")]
    if finding.hint:
        lines.append(printable(f"    hint: {finding.hint}"))
    rule = finding.rule
    lines.append(f"    rule: {rule.id} ({rule.certainty}) — ecirun explain {rule.id}")
    return "\n".join(lines)


def verdict_text(verdict: Verdict, policy: str, gates: str = "") -> str:
    """One pod in one line: admitted by whom, or refused by which stage."""
    name = f"{verdict.kind} {verdict.name}".strip() or "object"
    if verdict.stage == "spec":
        how = "refused by the Kubernetes API's own rules"
    elif verdict.stage == "admission":
        how = f"refused at admission by {verdict.gate}"
    else:
        by = [gates] if gates else []
        if policy != "none":
            by.append(policy)
        how = f"{verdict.word} by " + (", ".join(by) or "the Kubernetes API's own rules")
    return printable(f"{verdict.mark}: {name}: {how}{_counted(verdict)}")


def refusal_text(verdict: Verdict) -> str:
    """What the cluster would say of a pod that it refuses at admission."""
    return printable(f"{verdict.mark}: error: {verdict.refusal}")


def _counted(verdict: Verdict) -> str:
    counts = []
    for severity in ("error", "warning"):
        number = verdict.count(severity)
        if number:
            counts.append(f"{number} {severity}" + ("s" if number > 1 else ""))
    ignored = sum(finding.ignored is not None for finding in verdict.findings)
    if ignored:
        counts.append(f"{ignored} ignored")
    return f" ({', '.join(counts)})" if counts else ""


def tally_text(tally: Tally) -> str:
    """All pods in one line."""
    parts = [f"{tally.admitted} admitted", f"{tally.refused} refused"]
    findings = [
        f"{number} {word}" + ("s" if number > 1 else "")
        for number, word in ((tally.errors, "error"), (tally.warnings, "warning"))
        if number
    ]
    return f"{tally.pods} pods: {', '.join(parts)}" + (f" ({', '.join(findings)})" if findings else "")


class TextOutput:
    """Findings where `say` puts them (for a terminal: stderr), one line per pod where `write` does."""

    def __init__(self, write: Callable[[str], object], say: Callable[[str], object], *, quiet: bool) -> None:
        self.write = write
        self.say = say
        self.quiet = quiet
        self.head = Head("", "")

    def begin(self, head: Head) -> None:
        """Remember who judges."""
        self.head = head

    def add(self, verdict: Verdict) -> None:
        """Print one pod."""
        for finding in verdict.findings:
            if finding.severity == "error" or not self.quiet:
                self.say(finding_text(finding) + "\n")
        if verdict.refusal:
            self.say(refusal_text(verdict) + "\n")
        self.write(verdict_text(verdict, self.head.policy, self.head.gates) + "\n")

    def end(self, tally: Tally) -> None:
        """Sum up, where there is more than a pod to sum up."""
        if tally.pods > 1 and not self.quiet:
            self.say(f"ecirun: {tally_text(tally)}\n")
