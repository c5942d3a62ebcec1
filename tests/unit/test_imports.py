"""What a start of ecirun imports: every module costs time before the workload runs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from running import PROGRAM, pod_yaml

HEAVY = set(
    "asyncio click dataclasses decimal difflib fractions hashlib http importlib.metadata inspect logging multiprocessing "
    "psutil pyroute2 rich ssl subprocess tarfile tempfile urllib".split()
)

# Parts of the spec that a plain pod does not have.
RARE = {
    "ecirun.spec.companion",
    "ecirun.spec.pod_parts",
    "ecirun.spec.quantity",
    "ecirun.spec.validate_dns",
    "ecirun.spec.validate_handlers",
    "ecirun.spec.validate_owner",
    "ecirun.spec.validate_resources",
    "ecirun.spec.validate_scheduling",
    "ecirun.spec.validate_volumes",
    "ecirun.spec.validate_windows",
}


def imported(*arguments: str) -> set[str]:
    """The modules that ecirun has imported when it is done."""
    code = "import sys; from ecirun.cli import main; code = main(sys.argv[1:]); print(code, *sys.modules, file=sys.stderr)"
    command = [sys.executable, "-P", "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    code, *modules = done.stderr.split("\n")[-2].split(" ")
    assert code == "0", done.stderr
    return set(modules)


@pytest.fixture(scope="module")
def plain_pod(tmp_path_factory):
    path = tmp_path_factory.mktemp("imports") / "pod.yaml"
    context = 'securityContext: {sysctls: [{name: net.core.somaxconn, value: "1024"}]}'
    path.write_text(pod_yaml(container="securityContext: {capabilities: {add: [NET_ADMIN]}}", pod=context))
    return str(path)


def test_the_version_needs_no_yaml():
    modules = imported("--version")
    assert {name for name in modules if name.split(".")[0] == "yaml" or name.startswith("ecirun.")} == {
        "ecirun.cli",
        "ecirun.cli.command",
        "ecirun.cli.group",
        "ecirun.cli.lazy_group",
        "ecirun.cli.streams",
        "ecirun.errors",
        "ecirun.record",
    }


def test_checking_a_plain_pod_imports_nothing_heavy_and_nothing_that_it_does_not_have(plain_pod):
    modules = imported("check", plain_pod)
    assert "ecirun.spec.build_pod" in modules
    assert modules & (HEAVY | RARE) == set()
    assert {
        name for name in modules if name.startswith(("ecirun.linux", "ecirun.runtime", "ecirun.image", "ecirun.plan"))
    } == set()


@pytest.mark.sandbox
def test_running_a_plain_pod_imports_nothing_heavy(plain_pod, tmp_path):
    for not_wanted in (HEAVY | RARE, HEAVY | RARE | {"typing", "ecirun.spec"}):  # the second time, its plan is known
        command = [PROGRAM[0], "-X", "importtime", *PROGRAM[1:], "run", "-q", plain_pod, "--", "true"]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "ECIRUN_CACHE": str(tmp_path)})
        modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
        assert (done.returncode, "ecirun.runtime.client" in modules) == (0, True)
        assert modules & not_wanted == set()
