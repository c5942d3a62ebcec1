"""Recipe → image in the store."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from collections.abc import Callable
from pathlib import Path

from ecirun.image.busybox import applets, static_busybox
from ecirun.image.draft import Draft
from ecirun.image.layer import layer_of
from ecirun.image.model import Image
from ecirun.image.recipe import Recipe
from ecirun.image.store import RECIPE_DIGEST, REFERENCES

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def build_image(recipe: Recipe, store: str, say: Callable[[str], None]) -> Image:
    """Build the recipe into the store and return the image. Raises ImageBroken."""
    say(f"building image {recipe.name} in {store}")
    with Draft(store) as draft:
        root = draft.path / "root"
        root.mkdir()
        _fill(root, recipe, static_busybox(draft.path, say))
        layer = layer_of(root)
        machine = platform.machine()
        config = {
            "architecture": ARCHITECTURES.get(machine, machine),
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",  # the same input gives the same digest
            "config": recipe.config.as_oci(),
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": draft.add_blob(_json(config), "application/vnd.oci.image.config.v1+json"),
            "layers": [draft.add_blob(layer, "application/vnd.oci.image.layer.v1.tar")],
        }
        annotations = {REFERENCES: " ".join(recipe.references), RECIPE_DIGEST: recipe.digest}
        return draft.add_image(recipe.references[0], manifest, root, annotations)


def _fill(root: Path, recipe: Recipe, busybox: Path) -> None:
    """Write the tree of the recipe: directories, files, links, and the program under each of its names."""
    for path, mode in recipe.directories.items():
        (root / path).mkdir(parents=True, exist_ok=True)
        (root / path).chmod(mode)
    for path, content in recipe.files.items():
        (root / path).write_text(content)
        (root / path).chmod(0o644)
    for path, target in recipe.links.items():
        (root / path).symlink_to(target)
    program = root / recipe.program
    shutil.copyfile(busybox, program)
    program.chmod(0o755)
    for name in applets(busybox):
        link = program.parent / name
        if not link.exists():
            os.link(program, link)
    root.chmod(0o755)


def _json(document: object) -> bytes:
    import json

    return json.dumps(document, sort_keys=True).encode()
