"""The README says what the code does."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from running import CHECKOUT

from ecirun.policy.load import load_policy
from ecirun.report.catalogue import policy_markdown

README = CHECKOUT / "README.md"
BEGIN, END = "Policy table: -->\n\n", "\n<!-- End of the policy table. -->"


class Said(NamedTuple):
    """A command of the README and what it says there; … stands for anything, alone on its line for any lines or none."""

    line: int
    command: str
    output: str

    @property
    def pattern(self) -> str:
        """The output as a regular expression; how wide a column is does not matter."""
        lines = self.output.splitlines(keepends=True)
        return "".join("(?s:.*)" if line == "…\n" else _loose(line) for line in lines)


def _loose(line: str) -> str:
    return re.sub(r"(\\ )+", " +", ".*".join(re.escape(part) for part in line.split("…")))


def commands() -> Iterator[Said]:
    """Every command of every console block."""
    found: Said | None = None
    inside = False
    for number, line in enumerate(README.read_text().splitlines(), 1):
        if line.startswith("```"):
            inside = line == "```console"
            if not inside and found:
                yield found
                found = None
        elif inside and line.startswith("$ "):
            if found:
                yield found
            found = Said(number, line.removeprefix("$ "), "")
        elif inside and found:
            found = found._replace(output=f"{found.output}{line}\n")


ALL = list(commands())


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the commands say, one after another in one shell, as a reader would call them in a clone."""
    clone = tmp_path_factory.mktemp("readme")
    for entry in CHECKOUT.iterdir():
        (clone / entry.name).symlink_to(entry)
    script = "".join(f"{said.command}\nprintf '\\0'\n" for said in ALL)
    shell = ["bash", "-c", f"exec 2>&1\n{script}"]
    done = subprocess.run(shell, cwd=clone, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.split("\0")[:-1]


@pytest.mark.sandbox
@pytest.mark.parametrize("position", range(len(ALL)), ids=[f"{said.line}: {said.command}" for said in ALL])
def test_a_command_says_what_the_readme_says(position: int, outputs: list[str]):
    said = ALL[position]
    shown = outputs[position]
    assert shown == (shown if re.fullmatch(said.pattern, shown) else said.output)


def test_every_file_that_it_links_to_is_there():
    links = re.findall(r"\]\(([^)#:]+)\)", README.read_text())
    assert links
    assert [link for link in links if not Path(CHECKOUT, link).exists()] == []


def test_the_policy_table_is_what_the_policy_prints():
    before, _begin, rest = README.read_text().partition(BEGIN)
    table, _end, after = rest.partition(END)
    printed = policy_markdown(load_policy())
    if os.environ.get("ECIRUN_UPDATE") == "1":
        README.write_text(before + BEGIN + printed + END + after)
        return
    assert table == printed
