"""The local store: an OCI image layout (oci-layout, index.json, blobs) plus one unpacked root per image, roots/<digest>.

This is the reading side; every run passes through it, so it imports little. An image is there when index.json names it. That
file is written last (see `draft`), whole, under a lock, and after blobs and root are in place: whoever reads needs no lock,
and a process that dies half way leaves nothing but a folder in tmp/.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from ecirun.errors import ImageBroken
from ecirun.image.model import Image, ImageConfig
from ecirun.image.reference import normalised

REF_NAME = "org.opencontainers.image.ref.name"
REFERENCES = "ecirun.references"  # all names that the image answers to, which may have a `*`
RECIPE_DIGEST = "ecirun.recipe.digest"


def default_store() -> str:
    """$ECIRUN_STORE, or /var/lib/ecirun for root, or a folder of the user's own."""
    if chosen := os.environ.get("ECIRUN_STORE"):
        return chosen
    if os.geteuid() == 0:
        return "/var/lib/ecirun"
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return os.path.join(data, "ecirun")


def find_image(reference: str, store: str) -> Image | None:
    """The image that answers to the reference, or None. Raises ImageBroken when the store cannot be read."""
    wanted = normalised(reference)
    for entry in index_of(store):
        if any(fnmatchcase(wanted, pattern) for pattern in _references(entry)):
            return image_of(reference, entry, store)
    return None


def built_from(recipe_digest: str, store: str) -> Image | None:
    """The image that was built from just the recipe of that digest, or None."""
    for entry in index_of(store):
        if entry.get("annotations", {}).get(RECIPE_DIGEST) == recipe_digest:
            image = image_of(_references(entry)[0], entry, store)
            return image if os.path.isdir(image.rootfs) else None
    return None


def _references(entry: dict[str, Any]) -> list[str]:
    annotations = entry.get("annotations", {})
    references: str = annotations.get(REFERENCES) or annotations.get(REF_NAME) or "<none>"
    return references.split()


def list_images(store: str) -> list[Image]:
    """Every image of the store, by reference."""
    images = [image_of(entry.get("annotations", {}).get(REF_NAME, "<none>"), entry, store) for entry in index_of(store)]
    return sorted(images, key=lambda image: image.reference)


def index_of(store: str) -> list[dict[str, Any]]:
    """The entries of index.json; none when there is no store. Raises ImageBroken."""
    try:
        with open(os.path.join(store, "index.json"), "rb") as stream:
            manifests: list[dict[str, Any]] = json.load(stream)["manifests"]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ImageBroken(f"Can't read the store {store}: {error.strerror}", hint="name another with --store") from None
    except (ValueError, KeyError, TypeError):
        raise ImageBroken(
            f"Can't read the store {store}: index.json is broken", hint=f"remove {store} and build again"
        ) from None
    return manifests


def image_of(reference: str, entry: dict[str, Any], store: str) -> Image:
    """The image of an entry of index.json. Raises ImageBroken."""
    digest = entry["digest"]
    try:
        manifest = _blob(store, digest)
        config = _blob(store, manifest["config"]["digest"])
    except (OSError, ValueError, KeyError):
        raise ImageBroken(f'Can\'t read image "{reference}" of the store {store}', hint="build or load it again") from None
    return Image(
        reference=reference,
        digest=digest,
        config=ImageConfig.from_oci(config),
        rootfs=os.path.join(os.path.abspath(store), "roots", digest.partition(":")[2]),
        size=sum(layer["size"] for layer in manifest["layers"]),
        created=config.get("created", ""),
    )


def _blob(store: str, digest: str) -> Any:
    algorithm, _colon, value = digest.partition(":")
    with open(os.path.join(store, "blobs", algorithm, value), "rb") as stream:
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
