"""The linters, so that one command says whether a change is fine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from running import CHECKOUT

SCRIPTS = [
    str(path)
    for path in [*sorted((CHECKOUT / "scripts").iterdir()), CHECKOUT / ".ci" / "run"]
    if path.is_file() and "bash" in path.read_text().partition("\n")[0]
]


def complaints_of(*command: str) -> str:
    """What a linter says in the checkout; empty when it is content."""
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["ruff", "check", "--quiet"], ["ruff", "format", "--check", "--quiet"], ["mypy", "--no-error-summary"]],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_the_code_pleases(arguments):
    assert complaints_of(sys.executable, "-m", *arguments) == ""


@pytest.mark.skipif(
    not shutil.which("shellcheck") and os.environ.get("ECIRUN_MUST_RUN") != "1",
    reason="there is no shellcheck: sudo apt-get install shellcheck",
)
def test_the_scripts_please_shellcheck():
    assert complaints_of("shellcheck", "--external-sources", "--source-path=SCRIPTDIR", *SCRIPTS) == ""
