"""`ecirun image`: the local store."""

from __future__ import annotations

import json

import click

from ecirun.cli import options as shared
from ecirun.image.build import build_image
from ecirun.image.recipe import recipe_named
from ecirun.image.store import built_from, default_store, list_images


@click.group("image")
def command() -> None:
    """List and build the images of the local store."""


@command.command("build")
@click.argument("name", metavar="[NAME]", default="busybox")
@click.option("--force", is_flag=True, help="Build although the store has it.")
@shared.store
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def build(name: str, force: bool, store: str, quiet: bool) -> int:
    """Build the image of recipe NAME (default: busybox), unless the store has it already."""
    recipe = recipe_named(name)
    place = store or default_store()
    if force or built_from(recipe.digest, place) is None:
        image = build_image(recipe, place, shared.speaker(quiet=quiet))
        click.echo(f"{image.reference} {image.digest}")
    return 0


@command.command("ls")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="The format.")
@shared.store
def ls(output: str, store: str) -> int:
    """List the images of the store."""
    images = list_images(store or default_store())
    if output == "json":
        listed = [
            {"reference": image.reference, "digest": image.digest, "size": image.size, "rootfs": image.rootfs}
            for image in images
        ]
        click.echo(json.dumps({"schema_version": 1, "images": listed}, indent=2))
        return 0
    width = max([len(image.reference) for image in images] + [9])
    click.echo(f"{'REFERENCE':<{width}}  {'DIGEST':<19}  {'SIZE':>8}")
    for image in images:
        click.echo(f"{image.reference:<{width}}  {image.digest[:19]}  {image.size / 1e6:>6.1f} MB")
    return 0
