"""Two effective security contexts side by side."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from ecirun.plan.effective import Entry
from ecirun.record import Record

NOWHERE = Entry("-")
WIDTH = 100


class Row(Record):
    """One property on both sides."""

    name: str
    first: Entry
    second: Entry

    @property
    def differs(self) -> bool:
        """Whether the two sides differ; where a value comes from does not count."""
        return self.first.value != self.second.value

    @property
    def change(self) -> str:
        """The capabilities that the second side has more and less."""
        first, second = set(self.first.names), set(self.second.names)
        more = [f"+{name}" for name in self.second.names if name not in first]
        return " ".join(more + [f"-{name}" for name in self.first.names if name not in second])


class Part(Record):
    """The pod as a whole, or one container."""

    title: str
    rows: tuple[Row, ...]


def compared(title: str, first: Mapping[str, Entry], second: Mapping[str, Entry]) -> Part:
    """All properties that one of the sides has, in their order."""
    names = dict.fromkeys((*first, *second))
    return Part(title, tuple(Row(name, first.get(name, NOWHERE), second.get(name, NOWHERE)) for name in names))


def differing(parts: Iterable[Part]) -> list[Part]:
    """Only what differs."""
    kept = (part._replace(rows=tuple(row for row in part.rows if row.differs)) for part in parts)
    return [part for part in kept if part.rows]


def parts_text(heads: tuple[str, str], parts: Sequence[Part], *, same: bool) -> str:
    """The table for a person; ends in a newline. `same` says that there was nothing to show."""
    lines = [f"A  {heads[0]}", f"B  {heads[1]}"]
    if same:
        return "\n".join([*lines, "", "the effective security contexts are the same"]) + "\n"
    rows = [row for part in parts for row in part.rows]
    first = max(len(row.name) for row in rows) + 2
    second = max(len(_shown(row.first)) for row in rows) + 2
    for part in parts:
        lines += ["", part.title]
        for row in part.rows:
            sign = "≠" if row.differs else " "
            lines.append(f"{sign} {row.name:<{first}}{_shown(row.first):<{second}}{_shown(row.second)}".rstrip())
            lines += textwrap.wrap(row.change, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return "\n".join(lines) + "\n"


def _shown(entry: Entry) -> str:
    return f"{entry.value} ({entry.origin})" if entry.origin else entry.value


def parts_json(heads: tuple[str, str], parts: Sequence[Part]) -> str:
    """The table for a program; ends in a newline."""
    document = {
        "schema_version": 1,
        "a": heads[0],
        "b": heads[1],
        "differs": any(row.differs for part in parts for row in part.rows),
        "parts": [
            {
                "title": part.title,
                "rows": [
                    {"name": row.name, "differs": row.differs, "a": row.first._asdict(), "b": row.second._asdict()}
                    for row in part.rows
                ],
            }
            for part in parts
        ],
    }
    return json.dumps(document, indent=2) + "\n"
