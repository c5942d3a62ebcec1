"""Recipes of local images: one folder below `images/` each, with a `recipe.toml`."""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ecirun.errors import ImageBroken, ImageNotFound
from ecirun.image.model import ImageConfig
from ecirun.image.reference import spellings
from ecirun.record import Record

HERE = Path(__file__).resolve().parent
# An installed ecirun has the recipes within it, a checkout beside it.
FOLDER = HERE / "recipes" if (HERE / "recipes").is_dir() else HERE.parent.parent / "images"


class Variant(Record):
    """One image of a recipe. `references` are the names it answers to; a `*` in one stands for any text."""

    references: tuple[str, ...]
    config: ImageConfig


class Files(Record):
    """A root of single files: a busybox at `program`, linked under all its names, and what the three tables say.

    `directories` maps paths to modes, `files` paths to contents, `links` paths to targets.
    """

    program: str
    directories: Mapping[str, int]
    files: Mapping[str, str]
    links: Mapping[str, str]


class Packages(Record):
    """A root of Debian's packages of one suite, `without` some paths, finished by a shell script that runs in it."""

    suite: str
    packages: tuple[str, ...]
    without: tuple[str, ...]
    script: str


class Recipe(Record):
    """How to make images that have one root. `digest` is that of the recipe."""

    name: str
    root: Files | Packages
    variants: tuple[Variant, ...]
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
    there = ", ".join(recipe.name for recipe in recipes())
    raise ImageNotFound(f'Can\'t find recipe "{name}"', hint=f"choose one of: {there}")


def recipe_for(reference: str) -> Recipe | None:
    """The recipe of which an image answers to the reference, or None."""
    for wanted in spellings(reference):
        for recipe in recipes():
            patterns = [pattern for variant in recipe.variants for pattern in variant.references]
            if any(fnmatch.fnmatchcase(wanted, pattern) for pattern in patterns):
                return recipe
    return None


def _load(path: Path) -> Recipe:
    import tomllib

    try:
        data = path.read_bytes()
        table = tomllib.loads(data.decode())
        root = _packages(table, path.parent) if "packages" in table else _files(table)
        script = root.script if isinstance(root, Packages) else ""
        digest = hashlib.sha256(data + script.encode()).hexdigest()
        return Recipe(path.parent.name, root, _variants(table), digest)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ImageBroken(f"Can't read recipe {path}: {error}", hint="compare it with images/busybox/recipe.toml") from None


def _files(table: Mapping[str, Any]) -> Files:
    return Files(
        program=table["program"],
        directories={path: int(mode, 8) for path, mode in table["directories"].items()},
        files=dict(table["files"]),
        links=dict(table["links"]),
    )


def _packages(table: Mapping[str, Any], folder: Path) -> Packages:
    return Packages(
        suite=table["suite"],
        packages=tuple(table["packages"]),
        without=tuple(table["without"]),
        script=(folder / table["script"]).read_text(),
    )


def _variants(table: Mapping[str, Any]) -> tuple[Variant, ...]:
    """The recipe's own image, and those that differ from it by some entries of the config."""
    found = []
    for variant in (table, *table.get("variants", ())):
        config = {**table["config"], **variant["config"]}
        found.append(Variant(tuple(variant["references"]), ImageConfig.from_oci({"config": config})))
    return tuple(found)
