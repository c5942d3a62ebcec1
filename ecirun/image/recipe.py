"""Recipes of local images: one folder below `images/` each, with a `recipe.toml`."""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ecirun.errors import ImageBroken, ImageNotFound
from ecirun.image.model import ImageConfig
from ecirun.image.reference import normalised

FOLDER = Path(__file__).resolve().parent.parent.parent / "images"


class Recipe(NamedTuple):
    """How to make an image. `references` are the names it answers to; a `*` in one stands for any text.

    `directories` maps paths to modes, `files` paths to contents, `links` paths to targets; `digest` is that of the recipe.
    """

    name: str
    program: str
    references: tuple[str, ...]
    config: ImageConfig
    directories: Mapping[str, int]
    files: Mapping[str, str]
    links: Mapping[str, str]
    digest: str


@cache
def recipes() -> tuple[Recipe, ...]:
    """All recipes, by name. Raises ImageBroken for one that cannot be read."""
    return tuple(_load(path) for path in sorted(FOLDER.glob("*/recipe.toml")))


def recipe_named(name: str) -> Recipe:
    """The recipe of that name. Raises ImageNotFound with the names that there are."""
    for recipe in recipes():
        if recipe.name == name:
            return recipe
    there = ", ".join(recipe.name for recipe in recipes()) or "none (recipes are part of the checkout)"
    raise ImageNotFound(f'Can\'t find recipe "{name}"', hint=f"choose one of: {there}")


def recipe_for(reference: str) -> Recipe | None:
    """The recipe whose image answers to the reference, or None."""
    wanted = normalised(reference)
    for recipe in recipes():
        if any(fnmatch.fnmatchcase(wanted, pattern) for pattern in recipe.references):
            return recipe
    return None


def _load(path: Path) -> Recipe:
    import tomllib

    data = path.read_bytes()
    try:
        table = tomllib.loads(data.decode())
        return _recipe(path.parent.name, table, hashlib.sha256(data).hexdigest())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise ImageBroken(f"Can't read recipe {path}: {error}", hint="compare it with images/busybox/recipe.toml") from None


def _recipe(name: str, table: Mapping[str, Any], digest: str) -> Recipe:
    return Recipe(
        name=name,
        program=table["program"],
        references=tuple(table["references"]),
        config=ImageConfig.from_oci({"config": table["config"]}),
        directories={path: int(mode, 8) for path, mode in table["directories"].items()},
        files=dict(table["files"]),
        links=dict(table["links"]),
        digest=digest,
    )
