"""Runs the cases of `cases/*.toml` black box: the launch, and what was planned for it."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import truth
from case import SHOWN_BY, Case, at, cases, shown
from handmade import Images, all_of, file
from running import Result

from ecirun.cli import main
from ecirun.plan.model import PodPlan, from_plain
from ecirun.report.plan_text import plan_text

ALL = list(cases())

# The options of `run` that `plan` does not know.
RUN_ONLY = ("-i", "-v")


def parameters(wanted: Callable[[Case], object], *, launched: bool) -> list[object]:
    """The wanted cases by their names. A known bug of the launch must be there, or its mark has to go."""
    found = []
    for case in filter(wanted, ALL):
        marks = [pytest.mark.xfail(strict=True, reason=case.xfail)] if case.xfail and launched else []
        found.append(pytest.param(case, id=case.what, marks=marks))
    return found


@pytest.fixture
def arguments(case: Case, tmp_path: Path, images: Images, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Options and SPEC of the case, for `run` and `plan` in the folder that holds pod.yaml."""
    monkeypatch.chdir(tmp_path)
    Path("pod.yaml").write_text(case.yaml)
    if not case.has_image:
        return [*case.options, "pod.yaml"]
    changes = all_of(*(file(path, text, 0o755) for path, text in case.files.items()))
    images.add(case.image_name, changes, **(case.image or {}))
    return ["--store", str(images.store), *case.options, "pod.yaml"]


@pytest.mark.sandbox
@pytest.mark.parametrize("case", parameters(lambda case: case.prints, launched=True))
def test_what_the_workload_sees(case: Case, arguments: list[str], ecirun: Callable[..., Result]):
    commands = [*case.prints, *truth.COMMANDS]
    result = ecirun("run", *quietly(case, arguments), "--", "sh", "-c", SHOWN_BY, "commands", *commands, timeout=20)
    output = list(shown(result.stdout))
    assert (result.code, result.stderr) == (0, case.stderr or "")
    assert dict(zip(case.prints, output, strict=False)) == case.prints
    plan = planned(arguments, "--", "x")
    assert truth.lies(plan, output[len(case.prints) :]) == []
    assert fits_a_terminal(plan)


@pytest.mark.sandbox
@pytest.mark.parametrize("case", parameters(lambda case: case.runs and not case.prints, launched=True))
def test_how_the_run_ends(case: Case, arguments: list[str], ecirun: Callable[..., Result]):
    tail = ["--", *case.command] if case.command is not None else []
    words = ["run", *quietly(case, arguments), *tail]
    # What cannot even be planned is refused before anything is launched: no process is needed to see that.
    if case.exit == 125 and in_this_process("plan", *plan_options(arguments), *tail).code == 125:
        result = in_this_process(*words)
    else:
        result = ecirun(*words, input=case.stdin, timeout=20)
    expected, stderr = case.stderr or "", result.stderr
    if expected.endswith("…\n"):
        expected = expected.removesuffix("…\n")
        stderr = stderr[: len(expected)]
    assert (result.code, result.stdout, stderr) == (case.exit, case.stdout, expected)


@pytest.mark.parametrize("case", parameters(lambda case: case.plan, launched=False))
def test_what_is_planned(case: Case, arguments: list[str]):
    plan = planned(arguments, *(["--", *case.command] if case.command is not None else []))
    assert {path: at(plan, path) for path in case.plan} == case.plan
    assert fits_a_terminal(plan)


def quietly(case: Case, arguments: list[str]) -> list[str]:
    """With --quiet (click takes longer for the short one), unless the case says what ecirun says."""
    return arguments if case.stderr is not None else ["--quiet", *arguments]


def plan_options(arguments: list[str]) -> list[str]:
    return [word for word in arguments if word not in RUN_ONLY]


def planned(arguments: list[str], *tail: str) -> dict[str, Any]:
    """What `plan -o json` prints."""
    result = in_this_process("plan", "-o", "json", *plan_options(arguments), *tail)
    assert result.code == 0, result.stderr
    plan: dict[str, Any] = json.loads(result.stdout)
    return plan


def in_this_process(*words: str) -> Result:
    """The command, without a new process: there are hundreds of them."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        code = main(words)
    return Result(code, stdout.getvalue(), stderr.getvalue())


def fits_a_terminal(plan: dict[str, Any]) -> bool:
    """Whether no line of the plan's table that could be broken is longer than 100 characters."""
    text = plan_text(from_plain(PodPlan, {key: value for key, value in plan.items() if key != "schema_version"}))
    return not [line for line in text.splitlines() if len(line) > 100 and " " in line.strip()]


def test_every_case_has_a_name_of_its_own():
    names = [case.what for case in ALL]
    assert sorted(set(names)) == sorted(names)
