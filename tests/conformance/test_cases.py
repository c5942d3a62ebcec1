"""Runs the cases of `cases/*.toml` black box: the launch, and what was planned for it."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import truth
from case import SHOWN_BY, Case, as_json, at, cases, shown
from handmade import Images, all_of, file
from running import Result

from ecirun.cli import main

ALL = list(cases())

# The options of `run` that `plan` does not know.
RUN_ONLY = ("-i", "-v", "-q")


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
    assert truth.lies(plan_of(arguments, "--", "x"), output[len(case.prints) :]) == []


@pytest.mark.sandbox
@pytest.mark.parametrize("case", parameters(lambda case: case.runs and not case.prints, launched=True))
def test_how_the_run_ends(case: Case, arguments: list[str], ecirun: Callable[..., Result]):
    tail = ["--", *case.command] if case.command is not None else []
    result = ecirun("run", *quietly(case, arguments), *tail, input=case.stdin, timeout=20)
    expected, stderr = case.stderr or "", result.stderr
    if expected.endswith("…\n"):
        expected = expected.removesuffix("…\n")
        stderr = stderr[: len(expected)]
    assert (result.code, result.stdout, stderr) == (case.exit, case.stdout, expected)


@pytest.mark.parametrize("case", parameters(lambda case: case.plan, launched=False))
def test_what_is_planned(case: Case, arguments: list[str]):
    plan = plan_of(arguments, *(["--", *case.command] if case.command is not None else []))
    assert {path: at(plan, path) for path in case.plan} == case.plan


@pytest.mark.parametrize("case", parameters(lambda case: case.plan or case.prints, launched=False))
def test_the_plan_as_a_table_fits_a_terminal(case: Case, arguments: list[str]):
    text = ecirun_plan(arguments, "--", "x")
    assert [line for line in text.splitlines() if len(line) > 100 and " " in line.strip()] == []


def quietly(case: Case, arguments: list[str]) -> list[str]:
    """With -q, unless the case says what ecirun says."""
    return arguments if case.stderr is not None else ["-q", *arguments]


def plan_of(arguments: list[str], *tail: str) -> dict[str, object]:
    plan: dict[str, object] = as_json(ecirun_plan(["-o", "json", *arguments], *tail))
    return plan


def ecirun_plan(arguments: list[str], *tail: str) -> str:
    """What `ecirun plan` prints; in this process, because there are hundreds of them."""
    stdout, stderr = io.StringIO(), io.StringIO()
    options = [word for word in arguments if word not in RUN_ONLY]
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        code = main(["plan", *options, *tail])
    assert code == 0, stderr.getvalue()
    return stdout.getvalue()


def test_every_case_has_a_name_of_its_own():
    names = [case.what for case in ALL]
    assert sorted(set(names)) == sorted(names)
