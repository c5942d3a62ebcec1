"""A test suite in which every test has a container of its own: start, execute `true`, remove."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmark import peers
from benchmark.ground import CHECKOUT, Ground
from benchmark.programs import CannotRun, output
from benchmark.rounds import Contestant, take_turns
from benchmark.work import Measured

OWN_TESTS, TESTS_OF_PEERS = 100, 5
# Says how long the tests took, without pytest's own start.
CONFTEST = """\
import os
import time


def pytest_collection_finish(session):
    session.config.began = time.perf_counter()


def pytest_sessionfinish(session):
    with open(os.environ["BENCH_SECONDS"], "w") as file:
        file.write(str(time.perf_counter() - session.config.began))
"""
OWN = """\
import os

import pytest


@pytest.mark.parametrize("number", range(int(os.environ["BENCH_TESTS"])))
def test_true(ecirun_pod, number):
    ecirun_pod(os.environ["BENCH_POD"]).exec(["true"]).check()
"""
OF_PEER = """\
import json
import os
import subprocess

import pytest


@pytest.mark.parametrize("number", range(int(os.environ["BENCH_TESTS"])))
def test_true(number):
    for words in json.loads(os.environ["BENCH_WORDS"]):
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
"""


def suite(ground: Ground, rounds: int) -> Measured:
    """From the first test's begin to the last one's end, for each test."""
    folder = ground.folder / "suite"
    folder.mkdir()
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_pod.py").write_text(OWN)
    (folder / "test_peer.py").write_text(OF_PEER)
    contestants = [_suite("ecirun_pod", folder / "test_pod.py", OWN_TESTS, {"BENCH_POD": str(ground.pod)})]
    absent: dict[str, str] = {}
    for name, engine in (("podman run + exec", peers.podman), ("docker run + exec", peers.docker)):
        try:
            words = peers.words_of(engine(ground))
            for argv in words:
                output(argv)
            contestants.append(_suite(name, folder / "test_peer.py", TESTS_OF_PEERS, {"BENCH_WORDS": json.dumps(words)}))
        except CannotRun as error:
            absent[name] = str(error)
    return Measured("suite", "A test with a container of its own, in a suite", take_turns(contestants, rounds), absent)


def _suite(name: str, file: Path, tests: int, env: Mapping[str, str]) -> Contestant:
    seconds = file.with_suffix(".seconds")
    argv = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "ecirun.pytest_plugin"]
    argv += ["--rootdir", str(file.parent), "--ecirun-must-run", str(file)]
    whole = {**os.environ, **env, "BENCH_SECONDS": str(seconds), "BENCH_TESTS": str(tests), "PYTHONPATH": str(CHECKOUT)}

    def once() -> float:
        output(argv, env=whole)
        return float(seconds.read_text()) / tests

    return Contestant(name, once, slow=True)
