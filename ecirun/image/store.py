"""The local store: an OCI image layout (oci-layout, index.json, blobs) plus one unpacked root per image, roots/<digest>.

This is the reading side; every run passes through it, so it imports little. An image is there when index.json names it. That
file is written last (see `draft`), whole, under a lock, and after blobs and root are in place: whoever reads needs no lock,
and a process that dies half way leaves nothing but a folder in tmp/, which the next one that writes takes away.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from ecirun.errors import ImageBroken
from ecirun.image.model import Image, ImageConfig
from ecirun.image.reference import parse, spellings

# Annotations of the entries of index.json.
REF_NAME = "org.opencontainers.image.ref.name"
REFERENCES = "ecirun.references"  # all names that an image of a recipe answers to, which may have a `*`
RECIPE_DIGEST = "ecirun.recipe.digest"
SOURCE = "ecirun.source"
REGISTRY_DIGEST = "ecirun.registry.digest"
UNPACKED_SIZE = "ecirun.unpacked.size"
UNPACKED_BY = "ecirun.unpacked.by"

INDEX = "index.json"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

Entry = dict[str, Any]


def find_image(reference: str, store: str) -> Image | None:
    """The image that answers to the reference, or None.

    Raises ImageNotFound for what is no reference, ImageBroken when the store cannot be read.
    """
    try:
        status = os.stat(os.path.join(store, INDEX))
    except OSError:
        return _find(reference, store, ())
    return _find(reference, store, (status.st_dev, status.st_ino, status.st_ctime_ns, status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=64)  # a test suite asks for the same few again and again
def _find(reference: str, store: str, _stamp: tuple[int, ...]) -> Image | None:
    entries = index_of(store)
    for wanted in spellings(reference):
        for entry in entries:
            if answers_to(entry, wanted):
                return image_of(wanted, entry, store)
    return None


def answers_to(entry: Entry, wanted: str) -> bool:
    """Whether the entry has the name, or is what a digest of its repository stands for."""
    names = references_of(entry)
    if wanted in names or any("*" in name and fnmatchcase(wanted, name) for name in names):
        return True
    repository, at, digest = wanted.partition("@")
    return bool(at) and entry["digest"] == digest and any(_repository(name) == repository for name in names)


def _repository(name: str) -> str:
    return "" if "*" in name else parse(name).name


def references_of(entry: Entry) -> list[str]:
    """The names of an entry; some may have a `*`, which stands for any text."""
    annotations = entry.get("annotations", {})
    references: str = annotations.get(REFERENCES) or annotations.get(REF_NAME) or ""
    return references.split()


def built_from(recipe_digest: str, store: str) -> list[Image]:
    """The images that were built from just the recipe of that digest, as far as they are whole."""
    entries = [entry for entry in index_of(store) if entry.get("annotations", {}).get(RECIPE_DIGEST) == recipe_digest]
    images = [image_of(shown_names(entry)[0], entry, store) for entry in entries]
    return [image for image in images if os.path.isdir(image.rootfs)]


def list_images(store: str) -> tuple[list[Image], list[ImageBroken]]:
    """Every image of the store under each of its names, by name, and what is wrong with those that cannot be read."""
    images, broken = [], []
    for entry in index_of(store):
        for name in shown_names(entry):
            try:
                images.append(image_of(name, entry, store))
            except ImageBroken as error:
                broken.append(error)
    return sorted(images, key=lambda image: image.reference), broken


def shown_names(entry: Entry) -> list[str]:
    """The names to show of an entry: those without a `*`, if there are any."""
    names = references_of(entry) or ["<none>"]
    return [name for name in names if "*" not in name] or names


def index_of(store: str) -> list[Entry]:
    """The entries of index.json; none when there is no store. Raises ImageBroken."""
    try:
        with open(os.path.join(store, INDEX), "rb") as stream:
            manifests: list[Entry] = json.load(stream)["manifests"]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ImageBroken(f"Can't read the store {store}: {error.strerror}", hint="name another with --store") from None
    except (ValueError, KeyError, TypeError):
        raise index_broken(store) from None
    # A digest names files below the store, so it must be one.
    if not isinstance(manifests, list) or not all(_is_entry(entry) for entry in manifests):
        raise index_broken(store)
    return manifests


def index_broken(store: str) -> ImageBroken:
    """What is said of a store whose index.json cannot be understood."""
    return ImageBroken(
        f"Can't read the store {store}: index.json is broken",
        hint="run `ecirun image prune` to start it anew, and load its images again",
    )


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("digest"), str)
        and DIGEST.fullmatch(entry["digest"]) is not None
        and isinstance(entry.get("annotations", {}), dict)
        and all(isinstance(text, str) for text in entry.get("annotations", {}).values())
    )


def image_of(reference: str, entry: Entry, store: str) -> Image:
    """The image of an entry of index.json. Raises ImageBroken."""
    digest, annotations = entry["digest"], entry.get("annotations", {})
    try:
        manifest = read_json(store, digest)
        config = read_json(store, manifest["config"]["digest"])
        size = sum(layer["size"] for layer in manifest["layers"])
        run_config = ImageConfig.from_oci(config)
        unpacked_size = int(annotations.get(UNPACKED_SIZE, 0))
        unpacked_by = int(annotations[UNPACKED_BY]) if UNPACKED_BY in annotations else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ImageBroken(
            f'Can\'t read image "{reference}" of the store {store}', hint="run `ecirun image fsck` to see what is wrong"
        ) from None
    return Image(
        reference=reference,
        digest=digest,
        config=run_config,
        rootfs=root_path(store, digest),
        size=size,
        created=config.get("created") or "",
        unpacked_size=unpacked_size,
        source=annotations.get(SOURCE, ""),
        registry_digest=annotations.get(REGISTRY_DIGEST, ""),
        unpacked_by=unpacked_by,
    )


def root_path(store: str, digest: str) -> str:
    """Where the unpacked root of the image with that digest is."""
    return os.path.join(os.path.abspath(store), "roots", digest.partition(":")[2])


def blob_path(store: str, digest: str) -> str:
    """Where the blob of that digest is. Raises ValueError for what is no digest."""
    if not DIGEST.fullmatch(digest):
        raise ValueError(digest)
    return os.path.join(store, "blobs", "sha256", digest.partition(":")[2])


def read_json(store: str, digest: str) -> Any:
    """A document among the blobs, unchecked: it was checked on its way in. Raises OSError, ValueError."""
    with open(blob_path(store, digest), "rb") as stream:
        return json.load(stream)


def read_root_file(image: Image, path: str) -> str | None:
    """A small text file inside the image's root, links followed inside it; None when it is not there."""
    from ecirun.linux.openat2 import open_in_root

    try:
        with _root(image) as root, os.fdopen(open_in_root(root, path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
            return stream.read(1 << 20).decode(errors="surrogateescape")
    except OSError:
        return None


def path_kind(image: Image, path: str) -> str | None:
    """What stands at a path inside the image's root: "dir", "file", "other", or None for nothing."""
    from stat import S_ISDIR, S_ISREG

    from ecirun.linux.openat2 import open_in_root

    try:
        with _root(image) as root:
            descriptor = open_in_root(root, path)
    except OSError:
        return None
    mode = os.fstat(descriptor).st_mode
    os.close(descriptor)
    return "dir" if S_ISDIR(mode) else "file" if S_ISREG(mode) else "other"


@contextlib.contextmanager
def _root(image: Image) -> Iterator[int]:
    descriptor = os.open(image.rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
