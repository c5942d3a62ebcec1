"""The command line of `scripts/bench`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from benchmark import budgets, documents, executions, launches, living, machine, plot, readme, suite, table, unpacking
from benchmark.ground import CHECKOUT, Ground
from benchmark.programs import CannotRun
from benchmark.work import Measured

WORKS: dict[str, Callable[[Ground, int], Measured]] = {
    "memory": living.memory,  # before a launcher of this process is there, whose memory is part of it
    "launch": launches.launch,
    "row": launches.in_a_row,
    "exec": executions.execute,
    "suite": suite.suite,
    "live": living.live,
    "cli": launches.cli,
    "check": documents.check,
    "unpack": unpacking.unpack,
}


def _names(_context: click.Context, _parameter: click.Parameter, value: str) -> list[str]:
    names = value.split(",") if value else list(WORKS)
    for name in names:
        if name not in WORKS:
            raise click.BadParameter(f"{name!r} is not one of: {', '.join(WORKS)}")
    return [name for name in WORKS if name in names]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--only", callback=_names, default="", metavar="WORK[,WORK…]", help=f"Measure only these: {', '.join(WORKS)}.")
@click.option("--rounds", type=click.IntRange(min=1), default=50, show_default=True, help="How many turns each contestant has.")
@click.option(
    "--json",
    "results",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write all results there, and a plot beside it (the same name with .svg).",
)
@click.option("--readme", "into_readme", is_flag=True, help="Put the ratios into this checkout's README.md.")
def main(only: list[str], rounds: int, results: Path | None, into_readme: bool) -> None:
    """Measure ecirun, and beside it what else is installed that starts containers, in turn and on the same work.

    Times say more about the machine than about ecirun; the ratios of one run are what counts.
    """
    if into_readme and len(only) < len(WORKS):
        raise click.UsageError("--readme takes all works: leave out --only")
    if os.geteuid() != 0:
        raise click.ClickException("Can't measure pods: not root")
    where = machine.describe()
    measured = []
    with Ground() as ground:
        for name in only:
            click.echo(f"measuring {name} …", err=True)
            try:
                measured.append(WORKS[name](ground, rounds))
            except CannotRun as error:
                raise click.ClickException(f"Can't measure {name}: {error}") from None
    verdicts = budgets.judge(measured)
    sys.stdout.write(table.markdown(measured, verdicts))
    if results:
        results.write_text(json.dumps(document(where, measured, verdicts), indent=2) + "\n")
        results.with_suffix(".svg").write_text(plot.svg(measured))
    if into_readme:
        _write_readme(readme.section(measured, verdicts, where))


def document(where: dict[str, Any], works: list[Measured], verdicts: list[budgets.Verdict]) -> dict[str, Any]:
    """The results for programs."""
    return {
        "schema_version": 1,
        "machine": where,
        "works": [work.as_json() for work in works],
        "budgets": [verdict.as_json() for verdict in verdicts],
    }


def _write_readme(tables: str) -> None:
    file = CHECKOUT / "README.md"
    try:
        file.write_text(readme.replaced(file.read_text(), tables))
    except readme.NoPlace:
        raise click.ClickException(f"Can't write {file}: it has no marks of the speed table") from None
