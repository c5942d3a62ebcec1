"""`ecirun image rm`: images out of the store."""

from __future__ import annotations

import click

from ecirun.cli import streams
from ecirun.cli.image import options
from ecirun.cli.image.in_use import roots_in_use
from ecirun.image.names import remove_image
from ecirun.image.place import default_store


@click.command("rm")
@click.argument("references", metavar="REF...", nargs=-1, required=True)
@options.store
def command(references: tuple[str, ...], store: str) -> int:
    """Take the name REF away, and with its last name the image. A digest, or the beginning of one, takes all names.

    An image that a pod runs on stays.

    Exit codes: 0 removed, 125 failed; what stands before the one that failed is removed.
    """
    for reference in references:
        for line in remove_image(reference, store or default_store(), roots_in_use()):
            streams.out(line)
    return 0
