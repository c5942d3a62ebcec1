"""`ecirun completion SHELL`, as the shell itself uses it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from programs import need
from running import CHECKOUT, PROGRAM, run_ecirun


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """One in which ecirun is this one."""
    program = tmp_path / "ecirun"
    program.write_text("#!/bin/sh\nexec " + " ".join(PROGRAM) + ' "$@"\n')
    program.chmod(0o755)
    (tmp_path / "pod.yaml").touch()
    return {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}


BASH = """
eval "$(ecirun completion bash)"
COMP_WORDS=({words}) COMP_CWORD={at}
_ecirun_completion ecirun
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def in_bash(environment: dict[str, str], *words: str) -> list[str]:
    script = BASH.format(words=" ".join(f"'{word}'" for word in ("ecirun", *words)), at=len(words))
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands(environment):
    assert in_bash(environment, "e") == ["exec", "examples", "explain"]


def test_bash_completes_options(environment):
    assert in_bash(environment, "run", "--sys") == ["--sysctls"]


def test_bash_completes_choices(environment):
    assert in_bash(environment, "run", "--sysctls", "s") == ["shadow", "strict"]


def test_bash_completes_examples(environment):
    assert in_bash(environment, "run", "example:net") == ["example:network", "example:network-admin"]


def test_bash_completes_commands_of_the_image_group(environment):
    assert in_bash(environment, "image", "bu") == ["build"]


def test_zsh_completes_commands(environment):
    need("zsh")
    script = """
        autoload -Uz compinit && compinit -u
        eval "$(ecirun completion zsh)"
        compadd() { :; }; _describe() { print -l ${(P)3} }
        words=(ecirun ex) CURRENT=2; _ecirun_completion
    """
    done = subprocess.run(["zsh", "-fc", script], env=environment, capture_output=True, text=True)
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == ["exec", "examples", "explain"]


def test_fish_completes_commands(environment):
    need("fish")
    script = "ecirun completion fish | source; complete -C 'ecirun ex'"
    done = subprocess.run(["fish", "--no-config", "-c", script], env=environment, capture_output=True, text=True)
    assert sorted(line.partition("\t")[0] for line in done.stdout.splitlines()) == ["examples", "exec", "explain"]


def test_another_shell_is_refused_with_those_that_there_are():
    result = run_ecirun("completion", "ksh")
    assert (result.code, result.stdout) == (125, "")
    assert result.stderr == (
        "ecirun: error: Invalid value for '{bash|zsh|fish}': 'ksh' is not one of 'bash', 'zsh', 'fish'\n"
        "    hint: see `ecirun completion --help`\n"
    )


def test_the_manual_page_is_what_the_commands_say():
    """Made anew by: .venv/bin/python scripts/man-page > ecirun/cli/ecirun.1"""
    printed = subprocess.run([sys.executable, CHECKOUT / "scripts" / "man-page"], capture_output=True, text=True, check=True)
    assert (CHECKOUT / "ecirun" / "cli" / "ecirun.1").read_text() == printed.stdout
