"""The plugin in projects that do not use it, and what it costs them."""

from __future__ import annotations

import subprocess
import sys

pytest_plugins = ["pytester"]


def test_the_module_imports_nothing_of_ecirun():
    code = (
        "import pytest, sys\n"
        "before = set(sys.modules)\n"
        "import ecirun.pytest_plugin\n"
        "print(*sorted(set(sys.modules) - before))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["ecirun", "ecirun.pytest_plugin"]


def test_a_run_that_does_not_use_it_imports_nothing_of_ecirun(pytester):
    pytester.makepyfile(
        "import sys\n\n"
        "def test_nothing():\n"
        "    assert [name for name in sys.modules if name.startswith('ecirun.')] == ['ecirun.pytest_plugin']\n"
    )
    result = pytester.runpytest_subprocess("-p", "ecirun.pytest_plugin", "-W", "error", "--strict-markers", "--strict-config")
    result.assert_outcomes(passed=1)
    assert "ecirun:" not in result.stdout.str()


def test_a_failure_in_such_a_run_is_reported_as_ever(pytester):
    pytester.makepyfile("def test_fails():\n    assert 1 == 2\n")
    result = pytester.runpytest_subprocess("-p", "ecirun.pytest_plugin", "--ecirun-keep")
    result.assert_outcomes(failed=1)
    assert "pod" not in result.stdout.str()


def test_the_marker_is_known_and_explained(pytester):
    result = pytester.runpytest_subprocess("-p", "ecirun.pytest_plugin", "--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.eci(spec, [*][*]options): the pod that the fixture `eci` runs: *"])


def test_the_options_and_fixtures_are_explained(pytester):
    result = pytester.runpytest_subprocess("-p", "ecirun.pytest_plugin", "--help")
    result.stdout.fnmatch_lines(["pods as Alibaba Cloud ECI would run them:", "  --ecirun-keep *", "  --ecirun-must-run *"])
    result = pytester.runpytest_subprocess("-p", "ecirun.pytest_plugin", "--fixtures")
    result.stdout.fnmatch_lines_random(["ecirun_options *", "ecirun_pod -- *", "eci -- *"])


def test_collecting_starts_nothing(pytester):
    pytester.makepyfile("import os, pytest\n\n@pytest.mark.eci('example:network')\ndef test_one(eci):\n    pass\n")
    result = pytester.runpytest_subprocess("-p", "ecirun.pytest_plugin", "--collect-only", "-q")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*::test_one"])
