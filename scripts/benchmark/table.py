"""The results as Markdown: all of them for the terminal, ratios alone for the README."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmark.budgets import Verdict
from benchmark.work import Measured, quantity


def markdown(works: Iterable[Measured], verdicts: Sequence[Verdict]) -> str:
    """A table for each work, then the budgets."""
    parts = [_work_table(work) for work in works]
    if verdicts:
        parts.append(budget_table(verdicts))
    return "\n\n".join(parts) + "\n"


def _work_table(work: Measured) -> str:
    first = work.contestants[0].median
    lines = [f"**{work.title}**", "", "| | median | ratio |", "| --- | ---: | ---: |"]
    lines += [f"| {one.name} | {quantity(one.median, work.unit)} | {ratio(one.median / first)} |" for one in work.contestants]
    lines += [f"| {name} | – | {reason} |" for name, reason in work.absent.items()]
    return "\n".join(lines)


def budget_table(verdicts: Iterable[Verdict]) -> str:
    """What ecirun is held to, and whether it keeps that."""
    lines = ["| budget | at most | measured | verdict |", "| --- | ---: | ---: | --- |"]
    for verdict in verdicts:
        budget = verdict.budget
        measured = "–" if verdict.value is None else budget.shown(verdict.value)
        words = f"**{verdict.words}**" if verdict.met is False else verdict.words
        lines.append(f"| {budget.name} | {budget.shown(budget.most)} | {measured} | {words} |")
    return "\n".join(lines)


def ratio_table(works: Iterable[Measured]) -> str:
    """A line for each work: what the others take, in multiples of what the first one takes."""
    lines = ["| work | 1 is | the others |", "| --- | --- | --- |"]
    for work in works:
        first, *others = work.contestants
        shown = ", ".join(f"{other.name} {ratio(other.median / first.median)}" for other in others)
        lines.append(f"| {work.title} | {first.name} | {shown} |")
    return "\n".join(lines)


def absent_line(works: Iterable[Measured]) -> str:
    """Who is missing in the tables, and why; empty when nobody is."""
    reasons = {name.split()[0]: reason for work in works for name, reason in work.absent.items()}
    return "; ".join(f"{name}: {reason}" for name, reason in reasons.items())


def ratio(value: float) -> str:
    """Two digits after the point for small ones, fewer for large ones."""
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"
