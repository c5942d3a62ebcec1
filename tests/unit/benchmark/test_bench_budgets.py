"""What `scripts/bench` says of ecirun's budgets."""

from __future__ import annotations

import pytest
from benchmark.budgets import BUDGETS, Budget, Verdict, judge
from benchmark.rounds import Samples
from benchmark.work import Measured


def work(id: str, **medians: float) -> Measured:
    return Measured(id, id, [Samples(name.replace("_", " "), (value,)) for name, value in medians.items()], {})


def the(verdicts: list[Verdict], who: str, than: str) -> Verdict:
    (found,) = (verdict for verdict in verdicts if (verdict.budget.who, verdict.budget.than) == (who, than))
    return found


def test_only_the_budgets_of_what_was_measured_are_judged():
    assert {verdict.budget.work for verdict in judge([work("exec"), work("row")])} == {"exec"}


@pytest.mark.parametrize(
    ("own", "met", "words"), [(2.5, True, "met"), (2.6, False, "missed by 4 %"), (5.0, False, "missed by 100 %")]
)
def test_a_ratio_is_compared_with_the_most_that_it_may_be(own, met, words):
    verdict = the(judge([work("cli", ecirun_run=own, runc_run=1.0)]), "ecirun run", "runc run")
    assert (verdict.value, verdict.met, verdict.words) == (own, met, words)


def test_without_the_other_nothing_is_known():
    verdict = the(judge([work("cli", ecirun_run=1.0)]), "ecirun run", "podman run")
    assert (verdict.value, verdict.met, verdict.words) == (None, None, "not measured")


def test_the_memory_of_a_pod_is_held_to_bytes():
    verdict = Verdict(Budget("memory", "pods", None, 4 * 2**20), 5.0 * 2**20)
    assert (verdict.budget.shown(verdict.budget.most), verdict.words) == ("4 MiB", "missed by 25 %")


def test_a_verdict_for_programs():
    assert Verdict(Budget("exec", "pod.exec", "ecirun.run", 0.6), 0.3).as_json() == {
        "work": "exec",
        "who": "pod.exec",
        "than": "ecirun.run",
        "most": 0.6,
        "measured": 0.3,
        "met": True,
    }


def test_every_budget_is_of_a_work_that_can_be_measured():
    from benchmark.command import WORKS

    assert {budget.work for budget in BUDGETS} <= set(WORKS)
