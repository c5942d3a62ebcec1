"""The lines of an input around a finding, for a report that shows them."""

from __future__ import annotations

from functools import lru_cache
from html import escape

from ecirun.spec.source import Mark

AROUND = 2
MOST_BYTES = 3 * 1024 * 1024


@lru_cache(maxsize=4)
def _lines(file: str) -> tuple[str, ...]:
    """The lines of a file; none when it cannot be read again, as standard input cannot."""
    try:
        with open(file, encoding="utf-8", errors="replace") as stream:
            return tuple(stream.read(MOST_BYTES).splitlines())
    except (OSError, ValueError):
        return ()


def excerpt(mark: Mark) -> str:
    """The line of the mark and those around it as HTML, numbered, the line itself marked; empty when there is none."""
    lines = _lines(mark.file)
    if not 1 <= mark.line <= len(lines):
        return ""
    first, last = max(mark.line - AROUND, 1), min(mark.line + AROUND, len(lines))
    shown = []
    for number in range(first, last + 1):
        text = f"{number:>5}  {escape(lines[number - 1])}"
        shown.append(f"<mark>{text}</mark>" if number == mark.line else text)
    return "\n".join(shown)
