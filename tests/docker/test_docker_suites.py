"""The attacks, and what a workload sees of itself, in a privileged container: the same tests with the same results."""

from __future__ import annotations

import pytest
from engine import docker
from running import CHECKOUT

SUITES = {
    "attacks": ["tests/attack"],
    "documentation": ["tests/sandbox/test_documentation_pods.py"],
    "cases": ["tests/conformance/test_cases.py", "-k", "what_the_workload_sees"],
    "faults": ["tests/fault"],
}


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_ends_in_the_container_as_on_the_host(image_with_tests, suite, tmp_path):
    command = ["python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rA", *SUITES[suite]]
    checkout = ["--volume", f"{CHECKOUT}:/checkout:ro", "--workdir", "/checkout"]
    environment = ["--env", "ECIRUN_MUST_RUN=1", "--env", "PYTHONDONTWRITEBYTECODE=1"]
    result = docker("run", "--privileged", "--rm", *checkout, *environment, image_with_tests, *command, timeout=300)
    (tmp_path / "output").write_text(result.stdout)
    assert result.code == 0, result.stdout[-4000:] + result.stderr
    print(result.stdout)
