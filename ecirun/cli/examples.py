"""`ecirun examples`: pods to start from."""

from __future__ import annotations

import click

from ecirun.cli import streams
from ecirun.examples import example, example_names, summary


@click.command("examples")
@click.argument("name", metavar="[NAME]", required=False)
def command(name: str | None) -> int:
    """List the example pods, or print the one called NAME.

    Every command that takes a SPEC takes example:NAME too.
    """
    if name is not None:
        streams.out(example(name.removeprefix("example:")).decode(), end="")
        return 0
    names = example_names()
    width = max(len(entry) for entry in names)
    for entry in names:
        streams.out(f"{entry:<{width}}  {summary(entry)}")
    return 0
