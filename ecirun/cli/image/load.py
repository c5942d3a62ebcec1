"""`ecirun image load`: a file, folder or stream → images in the store."""

from __future__ import annotations

from typing import Any

import click

from ecirun.cli import streams
from ecirun.cli.image import options
from ecirun.cli.transfer_progress import ShownProgress
from ecirun.image.load import LoadOptions, load
from ecirun.image.place import default_store
from ecirun.image.run_config import config_from


@click.command("load")
@click.argument("source", metavar="FILE|DIR|-")
@click.option("--ref", default="", metavar="NAME", help="What the image is to be called, instead of the name that it has.")
@click.option(
    "--config",
    multiple=True,
    metavar="INSTRUCTION",
    help="How a root file system is to be run, as in a Dockerfile: 'USER 1000', 'ENV A=b', 'ENTRYPOINT [\"/init\"]', 'CMD …', "
    "'WORKDIR /app', 'STOPSIGNAL …', 'VOLUME …'; or the JSON of an image config, or a file with it. May be repeated.",
)
@options.max_size
@options.max_ratio
@options.max_files
@options.store
@options.quiet
def command(source: str, **given: Any) -> int:
    """Load the images of a file, a folder or standard input (`-`), and print their names and digests.

    What it is shows its content: a docker archive (`docker save`), an OCI archive or layout, what skopeo's `dir:` writes, or a
    root file system as a tar or a folder. A file may be compressed (gzip, zstd, xz, bzip2).

    Layers are unpacked beneath the image's root and nowhere else; an archive that is damaged, too big or hostile is refused
    and leaves nothing behind.

    Exit codes: 0 loaded, 125 refused or failed.
    """
    config = config_from(given["config"]) if given["config"] else None
    chosen = LoadOptions(given["ref"], config, options.limits_of(given))
    images = load(source, given["store"] or default_store(), chosen, ShownProgress(quiet=given["quiet"]))
    for image in images:
        streams.out(f"{image.reference} {image.digest}")
    return 0
