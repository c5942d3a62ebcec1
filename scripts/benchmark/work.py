"""One kind of work, measured."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from benchmark.rounds import Samples

MIB = 2**20
Unit = Literal["seconds", "bytes"]


class Measured(NamedTuple):
    """What all who did the work took (the first is who others are compared with), and why others could not do it."""

    id: str
    title: str
    contestants: list[Samples]
    absent: dict[str, str]
    unit: Unit = "seconds"

    def median(self, name: str) -> float | None:
        """That contestant's median; None when it could not run."""
        return next((samples.median for samples in self.contestants if samples.name == name), None)

    def as_json(self) -> dict[str, Any]:
        """What the results say of it."""
        return {
            "id": self.id,
            "title": self.title,
            "unit": self.unit,
            "contestants": [samples.as_json() for samples in self.contestants],
            "absent": self.absent,
        }


def quantity(value: float, unit: Unit) -> str:
    """A value with three digits and a unit that suits it."""
    if unit == "bytes":
        return f"{value / MIB:.3g} MiB"
    if value < 1:
        return f"{value * 1000:.3g} ms" if value >= 0.001 else f"{value * 1e6:.3g} µs"
    return f"{value:.3g} s"
