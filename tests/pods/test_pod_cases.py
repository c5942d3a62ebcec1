"""Runs the cases of `cases/*.yaml`, several at a time: most of them wait for something most of their time."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from pod_case import PodCase, matches, pod_cases
from running import PROGRAM, Result

AT_ONCE = 4
ALL = list(pod_cases())
ONE_STARTS = threading.Lock()


def run_case(case: PodCase, folder: Path) -> Result:
    """What becomes of the case, as a pod with a name of its own."""
    folder.mkdir()
    (folder / "pod.yaml").write_text(case.documents)
    tail = ["--", *case.command] if case.command is not None else []
    command = [*PROGRAM, "run", "--name", folder.name, *case.options, "pod.yaml", *tail]
    stdin = subprocess.DEVNULL if case.stdin is None else subprocess.PIPE
    with ONE_STARTS:
        process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder)
    with process:
        stdout, stderr = process.communicate(case.stdin, timeout=60)
    return Result(process.returncode, stdout, stderr)


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Result]]]:
    """The results of the cases that are asked for, by their names."""
    wanted = [item.callspec.params["case"] for item in request.session.items if "case" in _parameters(item)]
    folder = tmp_path_factory.mktemp("cases")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {case.what: pool.submit(run_case, case, folder / f"case-{number}") for number, case in enumerate(wanted)}


def _parameters(item: pytest.Item) -> dict[str, object]:
    return item.callspec.params if item.module.__name__ == __name__ and hasattr(item, "callspec") else {}


@pytest.mark.sandbox
@pytest.mark.parametrize("case", [pytest.param(case, id=case.what) for case in ALL])
def test_a_pod(case: PodCase, results: dict[str, Future[Result]]):
    result = results[case.what].result()
    how = (result.code, result.stdout, result.stderr)
    assert how == (
        case.exit,
        result.stdout if matches(case.stdout, result.stdout) else case.stdout,
        result.stderr if matches(case.stderr, result.stderr) else case.stderr,
    )


def test_every_case_has_a_name_of_its_own():
    names = [case.what for case in ALL]
    assert sorted(set(names)) == sorted(names)
