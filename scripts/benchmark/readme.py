"""The README's section on speed: ratios only, because times say more about the machine than about ecirun."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmark import machine, table
from benchmark.budgets import Verdict
from benchmark.work import Measured

BEGIN, END = "Speed table: -->\n\n", "\n<!-- End of the speed table. -->"


class NoPlace(Exception):
    """The README has no marks between which the tables belong."""


def section(works: Sequence[Measured], verdicts: Sequence[Verdict], where: dict[str, Any]) -> str:
    """The two tables and what they were measured on."""
    parts = [
        table.ratio_table(work for work in works if work.unit == "seconds"),
        table.budget_table(verdicts),
        f"Measured in one run on {machine.in_words(where)}.",
    ]
    if absent := table.absent_line(works):
        parts.append(f"Not there: {absent}.")
    return "\n\n".join(parts) + "\n"


def replaced(text: str, tables: str) -> str:
    """The README's text with these tables between its marks. Raises NoPlace."""
    before, begin, rest = text.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not begin or not end:
        raise NoPlace
    return before + BEGIN + tables + END + after
