"""What ecirun is held to: ratios between two medians of one run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from benchmark.work import Measured


class Budget(NamedTuple):
    """In the work `work`, `who` may take at most `most` times what `than` takes."""

    work: str
    who: str
    than: str
    most: float


class Verdict(NamedTuple):
    """A budget and the ratio that was measured; None where one of the two was not."""

    budget: Budget
    ratio: float | None

    @property
    def met(self) -> bool | None:
        """Whether it is kept; None when that is not known."""
        return None if self.ratio is None else self.ratio <= self.budget.most


BUDGETS = (
    Budget("launch", "ecirun.run", "bwrap", 1.0),
    Budget("launch", "ecirun.run", "floor", 2.0),
    Budget("exec", "pod.exec", "ecirun.run", 0.6),
    Budget("exec", "pod.exec", "crun exec", 0.5),
    Budget("cli", "ecirun run", "runc run", 2.5),
    Budget("cli", "ecirun run", "podman run", 0.5),
    Budget("cli", "ecirun run", "podman kube play", 0.2),
)


def judge(works: Iterable[Measured]) -> list[Verdict]:
    """Every budget of the works that were measured."""
    by_id = {work.id: work for work in works}
    return [_verdict(budget, by_id[budget.work]) for budget in BUDGETS if budget.work in by_id]


def _verdict(budget: Budget, work: Measured) -> Verdict:
    own, other = work.median(budget.who), work.median(budget.than)
    return Verdict(budget, own / other if own is not None and other else None)
