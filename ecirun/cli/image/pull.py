"""`ecirun image pull`: an image of a registry → the store."""

from __future__ import annotations

from typing import Any

import click

from ecirun.cli import streams
from ecirun.cli.image import options
from ecirun.cli.transfer_progress import ShownProgress
from ecirun.image.place import default_store
from ecirun.image.pull import pull


@click.command("pull")
@click.argument("reference", metavar="REF")
@options.max_size
@options.max_ratio
@options.max_files
@options.store
@options.quiet
def command(reference: str, **given: Any) -> int:
    """Pull the image REF (NAME[:TAG] or NAME@DIGEST) from its registry, and print its name and digest.

    skopeo does the talking: it reads the usual files for credentials (`skopeo login`, `docker login`, $REGISTRY_AUTH_FILE),
    mirrors and policies (/etc/containers). A registry on localhost may do without TLS. Of an image for many platforms, this
    machine's is taken. An image that is up to date is not copied again.

    Exit codes: 0 pulled or up to date, 125 failed.
    """
    image = pull(reference, given["store"] or default_store(), options.limits_of(given), ShownProgress(quiet=given["quiet"]))
    streams.out(f"{image.reference} {image.digest}")
    return 0
