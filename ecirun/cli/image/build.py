"""`ecirun image build`: a recipe → images in the store."""

from __future__ import annotations

import click

from ecirun.cli import streams
from ecirun.cli.image import options
from ecirun.cli.transfer_progress import ShownProgress
from ecirun.image.place import default_store
from ecirun.image.recipe import recipe_named
from ecirun.image.store import built_from


@click.command("build")
@click.argument("name", metavar="[NAME]", default="busybox")
@click.option("--force", is_flag=True, help="Build although the store has it.")
@options.store
@options.quiet
def command(name: str, force: bool, store: str, quiet: bool) -> int:
    """Build the images of recipe NAME (default: busybox), unless the store has them, and print their names and digests.

    busybox: Debian's busybox-static, a few megabytes. debian: a small Debian with iproute2, iptables, capsh, sudo and su, and
    ping with a file capability, as debian and (run as user app) debian:named-user; it takes root, mmdebstrap or debootstrap,
    and the network.

    Exit codes: 0 there, 125 failed.
    """
    from ecirun.image.build import build_image

    recipe = recipe_named(name)
    place = store or default_store()
    images = None if force else built_from(recipe.digest, place)
    for image in images or build_image(recipe, place, ShownProgress(quiet=quiet)):
        streams.out(f"{image.reference} {image.digest}")
    return 0
