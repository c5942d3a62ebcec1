"""One kind of work, measured."""

from __future__ import annotations

from typing import Any, NamedTuple

from benchmark.rounds import Times


class Measured(NamedTuple):
    """The times of all who did the work, and of the others the reason; `more` is what is not a time."""

    id: str
    title: str
    times: list[Times]
    absent: dict[str, str]
    more: dict[str, Any] = {}  # noqa: RUF012  (never changed)

    def median(self, name: str) -> float | None:
        """That contestant's median in seconds; None when it could not run."""
        return next((times.median for times in self.times if times.name == name), None)

    def as_json(self) -> dict[str, Any]:
        """What the results say of it."""
        return {
            "id": self.id,
            "title": self.title,
            "contestants": [times.as_json() for times in self.times],
            "absent": self.absent,
            **self.more,
        }
