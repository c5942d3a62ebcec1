"""Contestants that take turns, and what was measured of each."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

# Seconds between two turns: what one contestant does in the background shall not burden the next one.
BREATH = 0.03


class Contestant(NamedTuple):
    """Somebody who does a piece of work once, and says how many seconds that took; with `slow`, not in every round."""

    name: str
    once: Callable[[], float]
    slow: bool = False


class Samples(NamedTuple):
    """What was measured of one contestant: seconds, or the unit of the work."""

    name: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """Half of the values are below it."""
        return statistics.median(self.values)

    @property
    def minimum(self) -> float:
        """The best of them."""
        return min(self.values)

    @property
    def ninetieth(self) -> float:
        """Nine of ten values are not above it."""
        return sorted(self.values)[(len(self.values) * 9 - 1) // 10]

    def as_json(self) -> dict[str, Any]:
        """What the results say of it, in the unit of the work."""
        return {
            "name": self.name,
            "samples": len(self.values),
            "median": self.median,
            "minimum": self.minimum,
            "ninetieth": self.ninetieth,
        }


def take_turns(contestants: Sequence[Contestant], rounds: int, *, every: int = 5) -> list[Samples]:
    """The times of all, after one turn each that does not count. Slow ones come up in one of `every` rounds only.

    Who begins changes from round to round, so that nobody always follows the same one.
    """
    seconds: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    for contestant in contestants:
        contestant.once()
    for number in range(rounds):
        first = number % len(contestants)
        for contestant in (*contestants[first:], *contestants[:first]):
            if contestant.slow and number % every:
                continue
            time.sleep(BREATH)
            seconds[contestant.name].append(contestant.once())
    return [Samples(contestant.name, tuple(seconds[contestant.name])) for contestant in contestants]
