"""Where in which file a value stands."""

from __future__ import annotations

from ecirun.record import Record


class Mark(Record):
    """A place in an input file; line and column count from 1, and 0 means "the file as a whole"."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}"


def parent(path: str) -> str:
    """The field path that `path` is in: of `a.b[0]` it is `a.b`, of `a[x.y/z]` it is `a`, of `a` it is empty."""
    if path.endswith("]"):
        # A map's key may have dots and brackets of its own; the one that opens it stands right behind a name.
        return path[: _opening(path)]
    return path[: max(path.rfind("."), 0)]


def _opening(path: str) -> int:
    depth = 0
    for at in range(len(path) - 1, 0, -1):
        depth += (path[at] == "]") - (path[at] == "[")
        if not depth:
            return at
    return 0
