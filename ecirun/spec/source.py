"""Where in which file a value stands."""

from __future__ import annotations

from typing import NamedTuple


class Mark(NamedTuple):
    """A place in an input file; line and column count from 1, and 0 means "the file as a whole"."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}"
