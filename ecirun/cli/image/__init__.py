"""`ecirun image`: the local store. One module per sub-command, imported only when it is called."""

from __future__ import annotations

import click

from ecirun.cli.lazy_group import LazyGroup

COMMANDS = {
    "load": "Load images from an archive, a folder or standard input",
    "pull": "Pull an image from a registry (with skopeo)",
    "build": "Build the images of a recipe: busybox or debian",
    "ls": "List the images",
    "inspect": "Show all about an image as JSON",
    "tag": "Give an image one more name",
    "rm": "Remove images",
    "fsck": "Find what is damaged in the store",
    "prune": "Mend the store, and remove what no image needs",
}


@click.command("image", cls=LazyGroup, package="ecirun.cli.image", lazy=COMMANDS)
def command() -> None:
    """Load, pull, build, list and mend the images of the local store.

    The store is an OCI image layout with an unpacked, read-only root per image, in --store, $ECIRUN_STORE, or /var/lib/ecirun
    (without root: ~/.local/share/ecirun).

    Exit codes: 0 done, 125 failed (`fsck`: 1 when something is damaged).
    """
