"""`ecirun image tag`: one more name for an image."""

from __future__ import annotations

import click

from ecirun.cli import streams
from ecirun.cli.image import options
from ecirun.image.names import tag_image
from ecirun.image.place import default_store


@click.command("tag")
@click.argument("reference", metavar="REF")
@click.argument("name", metavar="NAME")
@options.store
def command(reference: str, name: str, store: str) -> int:
    """Give the image REF the name NAME too; an image that has it loses it.

    Exit codes: 0 done, 125 failed.
    """
    image = tag_image(reference, name, store or default_store())
    streams.out(f"{image.reference} {image.digest}")
    return 0
