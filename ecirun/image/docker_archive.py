"""Images as `docker save` writes them: manifest.json, which lists configs, layers and names (Docker 1.10 and later)."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from typing import Any

from ecirun.image.bad_image import BadImage
from ecirun.image.files import Files, read_small
from ecirun.image.install import FoundImage, FoundLayer
from ecirun.image.naming import spelled_out
from ecirun.image.unpack.limits import MOST_LAYERS

MANIFEST = "manifest.json"
DIGEST_NAME = re.compile(r"(?:blobs/sha256/)?([0-9a-f]{64})(?:\.json)?")


def is_one(files: Files) -> bool:
    """Whether the files are a docker archive. Raises BadImage for one of an age that had no manifest.json."""
    if files.size("repositories") is not None and files.size(MANIFEST) is None:
        raise BadImage("it has no manifest.json: a docker older than 1.10 saved it")
    return files.size(MANIFEST) is not None and _entries(files) is not None


def _entries(files: Files) -> list[dict[str, Any]] | None:
    """What manifest.json lists; None when it is something else of that name."""
    try:
        document = json.loads(read_small(files, MANIFEST))
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, list) and all(isinstance(entry, dict) for entry in document) else None


def find_images(files: Files, fallback: str) -> list[FoundImage]:
    """The images that manifest.json lists; `fallback` names one that has no name. Raises BadImage."""
    entries = _entries(files)
    if not entries:
        raise BadImage("its manifest.json lists no image")
    return [_image(files, entry, number, fallback) for number, entry in enumerate(entries, 1)]


def _image(files: Files, entry: dict[str, Any], number: int, fallback: str) -> FoundImage:
    where = f"image {number} of its manifest.json"
    config_name = entry.get("Config")
    layer_names = _strings(entry.get("Layers"), where)
    tags = _strings(entry.get("RepoTags"), where)
    if not isinstance(config_name, str):
        raise BadImage(f"{where} names no config")
    if len(layer_names) > MOST_LAYERS:
        raise BadImage(f"{where} lists {len(layer_names)} layers; at most {MOST_LAYERS} are unpacked")
    config = read_small(files, config_name)
    named_after = DIGEST_NAME.fullmatch(config_name)
    digest = hashlib.sha256(config).hexdigest()
    if named_after and named_after[1] != digest:
        raise BadImage(f"its config: its content has the digest sha256:{digest}, and not sha256:{named_after[1]}")
    names = tuple(dict.fromkeys(spelled_out(tag) for tag in tags)) or ((spelled_out(fallback),) if fallback else ())
    return FoundImage(names, config, tuple(_layer(files, name) for name in layer_names))


def _layer(files: Files, name: str) -> FoundLayer:
    size = files.size(name)
    if size is None:
        raise BadImage(f"it has no {name}, which its manifest.json names as a layer")
    return FoundLayer("", size, functools.partial(files.chunks, name))


def _strings(value: object, where: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadImage(f"{where} has fields of a wrong type")
    return value
