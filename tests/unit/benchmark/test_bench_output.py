"""The tables, the plot and the JSON of `scripts/bench`."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from benchmark import command, machine, plot, readme, table
from benchmark.budgets import Budget, Verdict
from benchmark.rounds import Contestant, Samples, take_turns
from benchmark.work import Measured, quantity

WORK = Measured(
    "launch",
    "A pod <from> Python",
    [Samples("ecirun.run", (0.008, 0.009, 0.010)), Samples("runc run", (0.09,)), Samples("podman run", (0.9,))],
    {"docker run": "no engine answers"},
)
MEMORY = Measured("memory", "Memory", [Samples("200 pods", (3.5 * 2**20,))], {}, "bytes")
VERDICTS = [
    Verdict(Budget("launch", "ecirun.run", "runc run", 1.0), 0.1),
    Verdict(Budget("launch", "ecirun.run", "bwrap", 0.05), 0.1),
    Verdict(Budget("memory", "200 pods", None, 4 * 2**20), None),
]
MACHINE = {
    "kernel": "6.1.0-9-amd64",
    "machine": "x86_64",
    "virtual": True,
    "cpus": 2,
    "memory": 8 * 2**30,
    "python": "3.11.2",
    "load": 0.1,
    "versions": {"ecirun": "1", "runc": "1.1.5", "docker": None},
}
BUDGET_TABLE = """\
| budget | at most | measured | verdict |
| --- | ---: | ---: | --- |
| `ecirun.run` / `runc run` | 1 | 0.1 | met |
| `ecirun.run` / `bwrap` | 0.05 | 0.1 | **missed by 100 %** |
| `200 pods` | 4 MiB | – | not measured |
"""


def test_the_terminal_shows_medians_ratios_and_reasons():
    assert table.markdown([WORK, MEMORY], VERDICTS) == (
        """\
**A pod <from> Python**

| | median | ratio |
| --- | ---: | ---: |
| ecirun.run | 9 ms | 1.00 |
| runc run | 90 ms | 10 |
| podman run | 900 ms | 100 |
| docker run | – | no engine answers |

**Memory**

| | median | ratio |
| --- | ---: | ---: |
| 200 pods | 3.5 MiB | 1.00 |

"""
        + BUDGET_TABLE
    )


def test_the_readme_shows_no_time_but_ratios_and_the_kind_of_machine():
    assert readme.section([WORK, MEMORY], VERDICTS, MACHINE) == (
        """\
| work | 1 is | the others |
| --- | --- | --- |
| A pod <from> Python | ecirun.run | runc run 10, podman run 100 |

"""
        + BUDGET_TABLE
        + """
Measured in one run on a virtual machine with 2 cpus (x86_64) and 8 GiB: Linux 6.1, Python 3.11.2, runc 1.1.5.

Not there: docker: no engine answers.
"""
    )


def test_a_busy_machine_is_called_so():
    assert "and 8 GiB, busy with other work (load 4): Linux" in machine.in_words({**MACHINE, "load": 4.2})


def test_the_tables_replace_those_between_the_marks():
    text = f"before\n<!-- {readme.BEGIN}old\n{readme.END}\nafter\n"
    assert readme.replaced(text, "new\n") == f"before\n<!-- {readme.BEGIN}new\n{readme.END}\nafter\n"


@pytest.mark.parametrize("text", ["", readme.BEGIN, readme.END])
def test_a_readme_without_both_marks_is_not_changed(text):
    with pytest.raises(readme.NoPlace):
        readme.replaced(text, "new\n")


def test_this_readme_has_the_marks():
    readme.replaced((command.CHECKOUT / "README.md").read_text(), "")


def test_the_results_for_programs():
    result = command.document({"cpus": 2}, [WORK], VERDICTS[:1])
    assert result["schema_version"] == 1
    assert result["machine"] == {"cpus": 2}
    assert result["budgets"] == [VERDICTS[0].as_json()]
    (work,) = result["works"]
    assert work["contestants"][0] == {"name": "ecirun.run", "samples": 3, "median": 0.009, "minimum": 0.008, "ninetieth": 0.01}
    assert (work["id"], work["unit"], work["absent"]) == ("launch", "seconds", {"docker run": "no engine answers"})


def test_the_machine_is_described():
    described = machine.describe()
    assert described["cpus"] > 0
    assert described["python"].startswith("3.")
    assert set(MACHINE) < set(described)


def elements(picture: str, kind: str) -> list[ElementTree.Element]:
    return ElementTree.fromstring(picture).findall(f".//{{http://www.w3.org/2000/svg}}{kind}")


def test_the_plot_is_well_formed_and_names_everybody():
    texts = [element.text for element in elements(plot.svg([WORK, MEMORY]), "text")]
    assert {WORK.title, "ecirun.run", "9 ms", "900 ms", "200 pods", "3.5 MiB"} <= set(texts)
    assert {"1 ms", "10 ms", "100 ms", "1 s", "1 MiB", "10 MiB"} <= set(texts)


def test_ten_times_as_long_is_always_as_far():
    first, second, third = (float(dot.attrib["cx"]) for dot in elements(plot.svg([WORK]), "circle"))
    assert second - first == pytest.approx(third - second, abs=0.2)


def test_equal_values_still_have_an_axis():
    assert len(elements(plot.svg([Measured("x", "x", [Samples("a", (1.0,))], {})]), "circle")) == 1


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0000123, "seconds", "12.3 µs"),
        (0.0123, "seconds", "12.3 ms"),
        (1.234, "seconds", "1.23 s"),
        (2**19, "bytes", "0.5 MiB"),
    ],
)
def test_a_quantity_has_three_digits(value, unit, text):
    assert quantity(value, unit) == text


def test_contestants_take_turns_and_slow_ones_come_up_less_often():
    order: list[str] = []
    contestants = [Contestant(name, lambda name=name: order.append(name) or 1.0, name == "slow") for name in ("a", "b", "slow")]
    times = take_turns(contestants, 4, every=3)
    assert [(one.name, len(one.values)) for one in times] == [("a", 4), ("b", 4), ("slow", 2)]
    assert order == ["a", "b", "slow", *("a", "b", "slow"), *("b", "a"), *("a", "b"), *("a", "b", "slow")]


def test_nine_of_ten_values_are_not_above_the_ninetieth():
    assert Samples("x", tuple(range(10, 0, -1))).ninetieth == 9
    assert Samples("x", (7,)).ninetieth == 7
