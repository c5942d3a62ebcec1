"""Verdicts as one HTML page: pods × rules at a glance, what each container may do, every finding with its lines.

The page needs nothing from elsewhere, no script either, and looks right in light and dark. Its parts are kept until the end,
because a matrix knows its columns only when the last pod was judged.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from html import escape

from ecirun.policy.load import Policy
from ecirun.report.capability_picture import ContainerRow, container_rows, picture
from ecirun.report.output import Head, Tally
from ecirun.report.source_lines import excerpt
from ecirun.report.verdict import Verdict
from ecirun.spec.finding import Finding

MOST_ROWS = 1000  # in one table: a browser has to lay them out

SIGNS = {"error": "✕", "warning": "!", "note": "·"}
ORDER = ("error", "warning", "note")


class HtmlOutput:
    """One page."""

    def __init__(self, write: Callable[[str], object], policy: Policy) -> None:
        self.write = write
        self.policy = policy
        self.head = Head(policy.name, "")
        self.rows: list[tuple[Verdict, dict[str, list[int]]]] = []
        self.cards: list[str] = []
        self.severities: list[str] = []
        self.rules: dict[str, int] = {}
        self.containers: list[ContainerRow] = []
        self.left_out = 0

    def begin(self, head: Head) -> None:
        """Remember who judges."""
        self.head = head

    def add(self, verdict: Verdict) -> None:
        """Keep what the page shows of one pod."""
        if len(self.rows) >= MOST_ROWS:
            self.left_out += 1
            return
        cells: dict[str, list[int]] = {}
        for finding in verdict.findings:
            rule = finding.rule.id
            self.rules[rule] = self.rules.get(rule, 0) + 1
            cells.setdefault(rule, []).append(len(self.cards))
            self.severities.append(finding.severity)
            self.cards.append(_card(len(self.cards), verdict, finding))
        self.rows.append((verdict._replace(findings=(), pod=None), cells))
        if verdict.pod is not None:
            self.containers += container_rows(verdict.pod, self.policy)

    def end(self, tally: Tally) -> None:
        """Write the page."""
        with open(os.path.join(os.path.dirname(__file__), "report.css"), encoding="utf-8") as stream:
            style = stream.read()
        who = escape(", ".join(part for part in (self.head.gates, self.head.policy) if part))
        self.write(
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>ecirun check: {tally.admitted} admitted, {tally.refused} refused</title>\n"
            f"<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
            f'<header>\n<h1>ecirun check</h1>\n<p class="by">judged by {who}</p>\n{_numbers(tally)}</header>\n'
        )
        self.write(self._matrix())
        if self.containers:
            self.write(picture(self.containers))
        if self.cards:
            self.write(f'<section id="findings">\n<h2>Findings</h2>\n{"".join(self.cards)}</section>\n')
        self.write("</main>\n</body>\n</html>\n")

    def _matrix(self) -> str:
        """Pods × rules; a cell leads to its finding."""
        rules = sorted(self.rules, key=lambda rule: (-self.rules[rule], rule))
        heads = "".join(f'<th class="turned" scope="col"><span>{escape(rule)}</span></th>' for rule in rules)
        lines = ['<section id="pods">\n<h2>Pods</h2>\n<div class="wide">\n<table class="matrix">\n<thead>\n<tr>']
        lines.append(f'<th scope="col">pod</th><th scope="col">verdict</th>{heads}</tr>\n</thead>\n<tbody>\n')
        lines += [self._row(verdict, cells, rules) for verdict, cells in self.rows]
        lines.append("</tbody>\n</table>\n</div>\n")
        if self.left_out:
            lines.append(f'<p class="more">{self.left_out} more pods were judged; the other formats list them all.</p>\n')
        lines.append("</section>\n")
        return "".join(lines)

    def _row(self, verdict: Verdict, cells: dict[str, list[int]], rules: list[str]) -> str:
        place = escape(f"{verdict.mark.file}:{verdict.mark.line}")
        name = escape(verdict.name or "?")
        stage = f" <small>{escape(verdict.stage or '')}</small>" if verdict.stage else ""
        row = [
            f'<tr class="{verdict.word}"><th scope="row"><b>{name}</b> <small>{escape(verdict.kind)}, {place}</small></th>'
            f'<td class="verdict"><span class="chip {verdict.word}">{verdict.word}</span>{stage}</td>'
        ]
        row += [self._cell(rule, cells.get(rule, [])) for rule in rules]
        return "".join([*row, "</tr>\n"])

    def _cell(self, rule: str, numbers: list[int]) -> str:
        if not numbers:
            return "<td></td>"
        worst = min((self.severities[number] for number in numbers), key=ORDER.index)
        count = f"<sup>{len(numbers)}</sup>" if len(numbers) > 1 else ""
        said = escape(f"{rule}: {worst}", quote=True)
        names = f'title="{said}" aria-label="{said}"'
        return f'<td><a class="mark {worst}" href="#f{numbers[0]}" {names}>{SIGNS[worst]}{count}</a></td>'


def _numbers(tally: Tally) -> str:
    entries = (
        (tally.pods, "pods", "plain"),
        (tally.admitted, "admitted", "admitted"),
        (tally.refused, "refused", "refused"),
        (tally.errors, "errors", "error"),
        (tally.warnings, "warnings", "warning"),
    )
    shown = "".join(f'<li class="{kind if number else "none"}"><b>{number}</b> {word}</li>' for number, word, kind in entries)
    total = max(tally.pods, 1)
    bar = (
        f'<svg class="bar" viewBox="0 0 100 2" preserveAspectRatio="none" role="img" '
        f'aria-label="{tally.admitted} of {tally.pods} pods admitted">'
        f'<rect class="refused" width="100" height="2"/>'
        f'<rect class="admitted" width="{100 * tally.admitted / total:.2f}" height="2"/></svg>\n'
    )
    return f'<ul class="numbers">{shown}</ul>\n{bar}'


def _card(number: int, verdict: Verdict, finding: Finding) -> str:
    mark, rule = finding.mark, finding.rule
    place = escape(str(mark))
    # Where the file lies beside the report, the link opens it; a forge goes to the line.
    link = f'<a href="{escape(mark.file, quote=True)}#L{mark.line}">{place}</a>' if not mark.file.startswith("<") else place
    hint = f'<p class="hint">{escape(finding.hint)}</p>' if finding.hint else ""
    lines = excerpt(mark)
    code = f"<pre>{lines}</pre>" if lines else ""
    return (
        f'<article class="finding {finding.severity}" id="f{number}">\n'
        f"<h3><span>{escape(verdict.kind)} {escape(verdict.name)}</span> <code>{escape(finding.path)}</code></h3>\n"
        f'<p class="message">{escape(finding.message)}</p>\n{hint}{code}'
        f'<details><summary>{link} <span class="rule">{rule.id}</span></summary>'
        f"<p>{escape(rule.summary)}. {escape(rule.reason)}</p>"
        f"<p>Source: {escape(rule.source)} ({rule.certainty}).</p></details>\n</article>\n"
    )
