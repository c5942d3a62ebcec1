"""A progress that remembers what was said."""

from __future__ import annotations

from ecirun.image.progress import Progress


class Said(Progress):
    """`lines` and `warnings`, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.warnings: list[str] = []

    def say(self, text: str) -> None:
        """Remember a line."""
        self.lines.append(text)

    def warn(self, text: str) -> None:
        """Remember a warning."""
        self.warnings.append(text)
