"""The attacks, and what a workload sees of itself, in a privileged container: the same tests with the same results."""

from __future__ import annotations

import re

import pytest
from engine import docker
from running import CHECKOUT

SUITES = {
    "attacks": ["tests/attack"],
    "documentation": ["tests/sandbox/test_documentation_pods.py"],
    "cases": ["tests/conformance/test_cases.py", "-k", "what_the_workload_sees"],
    "faults": ["tests/fault"],
}
# The attacks that a machine may have nothing to try on.
MAY_SKIP = ("no control groups of version 2 here", "no user namespaces can be made here")


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_passes_in_the_container_too(image_with_tests, suite):
    command = ["python3", "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", *SUITES[suite]]
    checkout = ["--volume", f"{CHECKOUT}:/checkout:ro", "--workdir", "/checkout"]
    environment = ["--env", "ECIRUN_MUST_RUN=1", "--env", "ECIRUN_STORE=/var/lib/ecirun", "--env", "PYTHONDONTWRITEBYTECODE=1"]
    result = docker("run", "--privileged", "--rm", *checkout, *environment, image_with_tests, *command, timeout=600)
    assert result.code == 0, result.stdout[-8000:] + result.stderr
    skipped = re.findall(r"^SKIPPED .*?: (.*)$", result.stdout, re.MULTILINE)
    assert not [reason for reason in skipped if not reason.endswith(MAY_SKIP)]
