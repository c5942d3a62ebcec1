"""The results as Markdown."""

from __future__ import annotations

from collections.abc import Iterable

from benchmark.budgets import Verdict
from benchmark.work import Measured


def markdown(works: Iterable[Measured], verdicts: Iterable[Verdict]) -> str:
    """A table for each work, then the budgets."""
    parts = [_work_table(work) for work in works]
    rows = [_budget_row(verdict) for verdict in verdicts]
    if rows:
        parts.append("\n".join(["| budget | at most | measured | kept |", "| --- | ---: | ---: | --- |", *rows]))
    return "\n\n".join(parts) + "\n"


def _work_table(work: Measured) -> str:
    first = work.times[0].median
    lines = [f"**{work.title}**", "", "| | median | ratio |", "| --- | ---: | ---: |"]
    lines += [f"| {times.name} | {duration(times.median)} | {times.median / first:.2f} |" for times in work.times]
    lines += [f"| {name} | – | {reason} |" for name, reason in work.absent.items()]
    return "\n".join(lines)


def _budget_row(verdict: Verdict) -> str:
    budget = verdict.budget
    measured = "–" if verdict.ratio is None else f"{verdict.ratio:.2f}"
    kept = {True: "yes", False: "**no**", None: "not measured"}[verdict.met]
    return f"| `{budget.who}` / `{budget.than}` | {budget.most:g} | {measured} | {kept} |"


def duration(seconds: float) -> str:
    """A time with three digits and a unit that suits it."""
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms" if seconds >= 0.001 else f"{seconds * 1e6:.3g} µs"
    return f"{seconds:.3g} s"
