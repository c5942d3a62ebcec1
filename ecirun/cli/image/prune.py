"""`ecirun image prune`: mend the store, and take out what no image needs."""

from __future__ import annotations

import click

from ecirun.cli import streams
from ecirun.cli.image import options
from ecirun.cli.image.in_use import roots_in_use
from ecirun.cli.transfer_progress import ShownProgress
from ecirun.image.place import default_store


@click.command("prune")
@options.store
@options.quiet
def command(store: str, quiet: bool) -> int:
    """Mend what `fsck` finds, and remove what no image needs; say what was done.

    A root that is missing or was changed is unpacked again, an image whose blobs are damaged is removed, and so are the drafts
    of loads that were killed, and blobs and roots that belong to no image. What a pod runs on stays.

    Exit codes: 0 the store is in order, 125 failed.
    """
    from ecirun.image.check import mend_store

    for line in mend_store(store or default_store(), roots_in_use(), ShownProgress(quiet=quiet)):
        streams.out(line)
    return 0
