"""The command line of `scripts/bench`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import click

from benchmark import budgets, executions, launches, table
from benchmark.ground import Ground
from benchmark.work import Measured

WORKS: dict[str, Callable[[Ground, int], Measured]] = {
    "cli": launches.cli,
    "launch": launches.launch,
    "row": launches.in_a_row,
    "exec": executions.execute,
}


def _names(_context: click.Context, _parameter: click.Parameter, value: str) -> list[str]:
    names = value.split(",") if value else list(WORKS)
    for name in names:
        if name not in WORKS:
            raise click.BadParameter(f"{name!r} is not one of: {', '.join(WORKS)}")
    return names


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--only", callback=_names, default="", metavar="WORK[,WORK…]", help=f"Measure only these: {', '.join(WORKS)}.")
@click.option("--rounds", type=click.IntRange(min=1), default=50, show_default=True, help="How many turns each contestant has.")
def main(only: list[str], rounds: int) -> None:
    """Measure ecirun, and beside it what else is installed that starts containers, in turn and on the same work."""
    if os.geteuid() != 0:
        raise click.ClickException("Can't measure pods: not root")
    measured = []
    with Ground() as ground:
        for name in only:
            click.echo(f"measuring {name} …", err=True)
            measured.append(WORKS[name](ground, rounds))
    sys.stdout.write(table.markdown(measured, budgets.judge(measured)))
