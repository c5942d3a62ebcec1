"""Programs of others that some tests need; scripts/test installs them."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest


def need(*programs: str) -> None:
    """Skip the test when one is missing, unless tests must run."""
    missing = [program for program in programs if not shutil.which(program)]
    if missing and os.environ.get("ECIRUN_MUST_RUN") != "1":
        pytest.skip(f"not here: {', '.join(missing)}")
    assert not missing, f"not here: {', '.join(missing)}"


def run(*command: object, **options: object) -> str:
    """Run a program that must succeed; what it wrote on stdout."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout
