"""`scripts/bench` runs."""

from __future__ import annotations

import json
import os
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest
from running import CHECKOUT

BENCH = str(CHECKOUT / "scripts" / "bench")


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BENCH, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)


@pytest.mark.sandbox
def test_the_quickest_works_are_measured_and_leave_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    results = tmp_path / "results.json"
    done = bench("--rounds", "1", "--only", "launch,check", "--json", str(results))
    assert done.returncode == 0, done.stderr
    assert done.stderr == "measuring launch …\nmeasuring check …\n"
    launched, checked = json.loads(results.read_text())["works"]
    assert launched["contestants"][0]["name"] == "ecirun.run"
    assert [one["name"] for one in checked["contestants"]] == ["check 1 pod", "check 1,000 pods", "python -c pass"]
    assert "| `check 1 pod` / `python -c pass` | 6 |" in done.stdout
    ElementTree.parse(results.with_suffix(".svg"))
    assert sorted(os.listdir(tmp_path)) == ["results.json", "results.svg"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--only", "launch,lunch"], "'lunch' is not one of: memory, launch, "),
        (["--only", "check", "--readme"], "--readme takes all works: leave out --only"),
    ],
)
def test_what_cannot_be_measured_is_a_usage_error(arguments, complaint):
    done = bench(*arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
