"""What a command reads without click is what click reads, and what click refuses it leaves to click."""

from __future__ import annotations

import importlib
from typing import Any

import click
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from ecirun.cli import QUICK
from ecirun.cli.command import Command

COMMANDS: list[Command] = [importlib.import_module(f"ecirun.cli.{name}").command for name in QUICK]
run = next(command for command in COMMANDS if command.name == "run")
VALUES = ["-", "a", "pod.yaml", "", "strict", "loopback", "shadow", "5", "-1", "a=b", "é"]


def clicks(command: Command, words: list[str]) -> dict[str, Any] | None:
    try:
        return dict(command.for_click().make_context("ecirun", list(words)).params)
    except (click.ClickException, click.exceptions.Exit):
        return None


def some_words(command: Command) -> some.SearchStrategy[str]:
    names = [name for option in command.options for name in option.names]
    values = some.sampled_from(VALUES)
    return some.one_of(
        values,
        some.sampled_from([*names, "--help", "-h", "--nam", "-it", "-qt", "-qz", "-cname", "--", "---", "-dvi"]),
        some.builds("{}={}".format, some.sampled_from(names), values),
    )


@pytest.mark.parametrize("command", COMMANDS, ids=[command.name for command in COMMANDS])
def test_click_reads_the_same(command, capsys):
    @settings(max_examples=300, deadline=None)
    @given(some.lists(some_words(command), max_size=6))
    @example([])
    @example(["pod.yaml"])
    def same(words: list[str]) -> None:
        if (found := command.read(words)) is not None:
            assert found == clicks(command, words)

    same()


@pytest.mark.parametrize(
    "words",
    [
        ["pod.yaml"],
        ["-"],
        ["pod.yaml", "-it", "--name", "x"],
        ["--name=x", "pod.yaml", "-q", "--network", "none", "--with", "a", "--with=b"],
    ],
)
def test_what_is_plain_is_read_without_click(words):
    found = run.read(words)
    assert found is not None
    assert found == clicks(run, words)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["a", "b"],
        ["--help"],
        ["a", "--nam", "x"],
        ["a", "--name"],
        ["a", "--name", "-q"],
        ["a", "--quiet=yes"],
        ["a", "-qz"],
        ["a", "-cname"],
        ["a", "--network", "moon"],
        ["a", "--timeout", "5"],
    ],
)
def test_what_is_not_plain_is_left_to_click(words):
    assert run.read(words) is None
