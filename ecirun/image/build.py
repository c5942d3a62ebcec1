"""Recipe → images in the store."""

from __future__ import annotations

import datetime
import os
import shutil
from pathlib import Path

from ecirun.image.bad_image import failing
from ecirun.image.busybox import applets, static_busybox
from ecirun.image.documents import OCI_LAYER
from ecirun.image.draft import Draft, remove
from ecirun.image.install import Blob, Workshop, install
from ecirun.image.model import Image
from ecirun.image.plain_root import NO_TIME, plain_root
from ecirun.image.progress import SILENT, Progress
from ecirun.image.recipe import Files, Recipe
from ecirun.image.store import RECIPE_DIGEST, SOURCE
from ecirun.image.tar.writer import plain, write_layer
from ecirun.image.unpack.limits import DEFAULT_LIMITS


def build_image(recipe: Recipe, store: str, progress: Progress = SILENT) -> list[Image]:
    """Build the recipe's images into the store. Raises ImageBroken, and HostUnsupported without what it takes."""
    progress.say(f"building image {recipe.name} in {store}")
    with failing(f"build image {recipe.name}", store), Draft(store) as draft:
        shop = Workshop(draft, DEFAULT_LIMITS, progress)
        root = draft.path / "built"
        root.mkdir()
        if isinstance(recipe.root, Files):
            _fill(root, recipe.root, static_busybox(draft.path, progress.say))
            created = NO_TIME
        else:
            from ecirun.image.debian import install_packages

            install_packages(root, recipe.root, draft.path, progress)
            created = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        with draft.new_blob() as blob:
            write_layer(str(root), blob, *([plain] if created == NO_TIME else []))
        remove(str(root))
        layer = Blob(OCI_LAYER, blob.digest, blob.size)
        images = []
        for variant in recipe.variants:
            found = plain_root(layer, "", variant.config.as_oci(), created)
            found = found._replace(annotations={RECIPE_DIGEST: recipe.digest, SOURCE: "recipe"})
            images.append(install(found, variant.references, shop))
        return images


def _fill(root: Path, files: Files, busybox: Path) -> None:
    """Write the tree of the recipe: directories, files, links, and the program under each of its names."""
    for path, mode in files.directories.items():
        (root / path).mkdir(parents=True, exist_ok=True)
        (root / path).chmod(mode)
    for path, content in files.files.items():
        (root / path).write_text(content)
        (root / path).chmod(0o644)
    for path, target in files.links.items():
        (root / path).symlink_to(target)
    program = root / files.program
    shutil.copyfile(busybox, program)
    program.chmod(0o755)
    for name in applets(busybox):
        link = program.parent / name
        if not link.exists():
            os.link(program, link)
    root.chmod(0o755)
