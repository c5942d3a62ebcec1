"""`ecirun image ls`: what the store has."""

from __future__ import annotations

import json

import click

from ecirun.cli import streams
from ecirun.cli.image import options
from ecirun.image.model import Image
from ecirun.image.place import default_store
from ecirun.image.store import list_images


@click.command("ls")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="The format.")
@options.store
def command(output: str, store: str) -> int:
    """List the images of the store by name: digest, date, and the size of all files in their layers.

    Exit codes: 0 listed, 125 the store cannot be read.
    """
    images, broken = list_images(store or default_store())
    for error in broken:
        streams.err(f"ecirun: warning: {error.message}; {error.hint}")
    if output == "json":
        streams.out(json.dumps({"schema_version": 1, "images": [_as_json(image) for image in images]}, indent=2))
        return 0
    width = max([len(image.reference) for image in images] + [9])
    streams.out(f"{'REFERENCE':<{width}}  {'DIGEST':<19}  {'CREATED':<10}  {'SIZE':>10}")
    for image in images:
        created = image.created[:10] or "unknown"
        streams.out(f"{image.reference:<{width}}  {image.digest[:19]}  {created:<10}  {image.unpacked_size / 1e6:>7.1f} MB")
    return 0


def _as_json(image: Image) -> dict[str, object]:
    return {
        "reference": image.reference,
        "digest": image.digest,
        "created": image.created,
        "size": image.size,
        "unpacked_size": image.unpacked_size,
        "source": image.source,
        "rootfs": image.rootfs,
    }
