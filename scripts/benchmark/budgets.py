"""What ecirun is held to, judged by the medians of one run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from benchmark.work import MIB, Measured, quantity


class Budget(NamedTuple):
    """In the work `work`, `who` may take at most `most` times what `than` takes; without `than`, at most `most` bytes."""

    work: str
    who: str
    than: str | None
    most: float

    def shown(self, value: float) -> str:
        """A value as this budget counts."""
        return quantity(value, "bytes") if self.than is None else f"{value:.3g}"

    @property
    def name(self) -> str:
        """Whom it is about."""
        return f"`{self.who}`" if self.than is None else f"`{self.who}` / `{self.than}`"


class Verdict(NamedTuple):
    """A budget and what was measured; None where something of it was not."""

    budget: Budget
    value: float | None

    @property
    def met(self) -> bool | None:
        """Whether it is kept; None when that is not known."""
        return None if self.value is None else self.value <= self.budget.most

    @property
    def words(self) -> str:
        """Whether it is kept, and otherwise by how much it is missed."""
        if self.value is None:
            return "not measured"
        if self.met:
            return "met"
        return f"missed by {100 * (self.value / self.budget.most - 1):.0f} %"

    def as_json(self) -> dict[str, Any]:
        """What the results say of it."""
        return {**self.budget._asdict(), "measured": self.value, "met": self.met}


BUDGETS = (
    Budget("launch", "ecirun.run", "bwrap", 1.0),
    Budget("launch", "ecirun.run", "floor", 2.0),
    Budget("exec", "pod.exec", "ecirun.run", 0.6),
    Budget("exec", "pod.exec", "crun exec", 0.5),
    Budget("cli", "ecirun run", "runc run", 2.5),
    Budget("cli", "ecirun run", "podman run", 0.5),
    Budget("cli", "ecirun run", "podman kube play (start)", 0.2),  # which neither ends its pod nor takes it away
    Budget("check", "check 1 pod", "python -c pass", 6.0),
    # Level, as far as it can be told from noise.
    Budget("live", "beside 200 pods", "beside 1 pod", 1.2),
    Budget("memory", "200 × ecirun run -d", None, 4 * MIB),
    Budget("memory", "200 × ecirun.run", None, 4 * MIB),
    # 300 tests with a pod each in the time of 10 with a container each.
    Budget("suite", "ecirun_pod", "docker run + exec", 10 / 300),
)


def judge(works: Iterable[Measured]) -> list[Verdict]:
    """Every budget of the works that were measured."""
    by_id = {work.id: work for work in works}
    return [_verdict(budget, by_id[budget.work]) for budget in BUDGETS if budget.work in by_id]


def _verdict(budget: Budget, work: Measured) -> Verdict:
    own = work.median(budget.who)
    if budget.than is None:
        return Verdict(budget, own)
    other = work.median(budget.than)
    return Verdict(budget, own / other if own is not None and other else None)
