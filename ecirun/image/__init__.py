"""Where root file systems come from: the local store, and the recipes that fill it."""

from ecirun.image.build import build_image
from ecirun.image.model import Image, ImageConfig
from ecirun.image.recipe import Recipe, recipe_for, recipe_named, recipes
from ecirun.image.store import built_from, default_store, find_image, list_images, path_kind, read_root_file

__all__ = [
    "Image",
    "ImageConfig",
    "Recipe",
    "build_image",
    "built_from",
    "default_store",
    "find_image",
    "list_images",
    "path_kind",
    "read_root_file",
    "recipe_for",
    "recipe_named",
    "recipes",
]
