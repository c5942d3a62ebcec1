"""`ecirun image inspect`: all about one image."""

from __future__ import annotations

import json

import click

from ecirun.cli import streams
from ecirun.cli.image import options
from ecirun.image.details import details_of
from ecirun.image.place import default_store


@click.command("inspect")
@click.argument("reference", metavar="REF")
@options.store
def command(reference: str, store: str) -> int:
    """Show an image as JSON: names, digests, layers, how it is run, and the folder of its unpacked root (`rootfs`).

    REF is a name, a digest, or the beginning of a digest.

    Exit codes: 0 shown, 125 the store has no such image, or cannot be read.
    """
    details = details_of(reference, store or default_store())
    streams.out(json.dumps({"schema_version": 1, **details}, indent=2))
    return 0
