"""Contestants that take turns, and what their times come to."""

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


class Times(NamedTuple):
    """The times of one contestant, in seconds."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Half of the times are below it."""
        return statistics.median(self.seconds)

    def as_json(self) -> dict[str, Any]:
        """What the results say of it; all numbers are seconds."""
        ordered = sorted(self.seconds)
        return {
            "name": self.name,
            "samples": len(ordered),
            "median": self.median,
            "minimum": ordered[0],
            "ninetieth": ordered[min(len(ordered) - 1, len(ordered) * 9 // 10)],
        }


def take_turns(contestants: Sequence[Contestant], rounds: int, *, every: int = 5) -> list[Times]:
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
    return [Times(contestant.name, tuple(seconds[contestant.name])) for contestant in contestants]
