"""`ecirun image fsck`: what is damaged in the store."""

from __future__ import annotations

import json

import click

from ecirun.cli import streams
from ecirun.cli.image import options
from ecirun.cli.transfer_progress import ShownProgress
from ecirun.image.place import default_store

DAMAGED = 1


@click.command("fsck")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="The format.")
@options.store
@options.quiet
def command(output: str, store: str, quiet: bool) -> int:
    """Find what is damaged in the store, and say what to do about it; nothing is changed.

    Every blob is hashed, and every root compared with its image unpacked anew, which takes the space of the largest image.
    Blobs and roots that belong to no image, and do no harm, are told too.

    Exit codes: 0 nothing is damaged, 1 something is, 125 the store cannot be checked.
    """
    from ecirun.image.check import check_store

    problems = check_store(store or default_store(), ShownProgress(quiet=quiet))
    if output == "json":
        listed = [{**problem._asdict(), "hint": problem.hint} for problem in problems]
        streams.out(json.dumps({"schema_version": 1, "problems": listed}, indent=2))
    else:
        for problem in problems:
            streams.out(f"{problem.image or 'store'}: {problem.message}\n    hint: {problem.hint}")
    return DAMAGED if any(problem.kind != "unused" for problem in problems) else 0
