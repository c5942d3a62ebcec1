"""The image that a container asks for: the store's, a recipe's, or a registry's, by imagePullPolicy.

Rules: Kubernetes docs "Images" and pkg/apis/core/v1/defaults.go (the default is Always for the tag latest, else
IfNotPresent). What was loaded from a file or built here has no registry to ask: an Always that nobody wrote does not ask
one, and a recipe stands in for its image's registry whatever is written.
"""

from __future__ import annotations

import os

from ecirun.errors import ImageBroken, ImageNotFound
from ecirun.image.model import Image
from ecirun.image.progress import SILENT, Progress
from ecirun.image.reference import parse
from ecirun.image.store import find_image

LOAD = "load it from a file with `ecirun image load`"


def obtain_image(reference: str, pull_policy: str | None, store: str, progress: Progress = SILENT) -> Image:
    """The image, unpacked. Raises ImageNotFound, ImageBroken."""
    image = find_image(reference, store)
    if image is None or must_ask(image, reference, pull_policy):
        image = _made_or_pulled(reference, image, pull_policy, store, progress)
    if not os.path.isdir(image.rootfs):
        raise ImageBroken(
            f'Can\'t use image "{reference}": its unpacked root is missing',
            hint="run `ecirun image prune`, which unpacks it again",
        )
    if image.unpacked_by is not None and os.geteuid() == 0:
        progress.warn(
            f'image "{reference}" was unpacked without privilege: all its files belong to uid {image.unpacked_by}, and none is '
            "set-uid; remove and load it as root"
        )
    return image


def must_ask(image: Image, reference: str, pull_policy: str | None) -> bool:
    """Whether what the store has may not be taken without asking where it came from."""
    if pull_policy is None:
        return image.source == "registry" and parse(reference).tag == "latest"
    return pull_policy == "Always" and image.source != "recipe"


def _made_or_pulled(reference: str, there: Image | None, policy: str | None, store: str, progress: Progress) -> Image:
    from ecirun.image.recipe import recipe_for

    if policy == "Never":
        raise ImageNotFound(f'Container image "{reference}" is not present with pull policy of Never', hint=LOAD)
    recipe = None if there else recipe_for(reference)
    if recipe is not None:
        from ecirun.image.build import build_image

        build_image(recipe, store, progress)
        built = find_image(reference, store)
        assert built is not None  # the recipe has the name
        return built
    return _pulled(reference, there, policy, store, progress)


def _pulled(reference: str, there: Image | None, policy: str | None, store: str, progress: Progress) -> Image:
    from ecirun.image.pull import can_pull, pull

    try:
        if not can_pull():
            raise ImageNotFound(
                f'Can\'t find image "{reference}" in the store {store}, nor pull it: skopeo is not here',
                hint=f"install it (sudo apt-get install skopeo), or {LOAD}",
            )
        return pull(reference, store, progress=progress)
    except (ImageNotFound, ImageBroken) as error:
        if there is None or policy == "Always":
            raise
        progress.warn(f"{error.message}: took the one in the store")
        return there
