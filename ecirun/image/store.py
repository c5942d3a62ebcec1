"""The local store: an OCI image layout (oci-layout, index.json, blobs) plus one unpacked root per image, roots/<digest>.

An image is there when index.json names it; that file is written last, whole, under a lock, and after its blobs and root are
in place. So whoever reads needs no lock, and a process that dies half way leaves nothing but a folder in tmp/.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ecirun.errors import ImageBroken
from ecirun.image.model import Image, ImageConfig
from ecirun.image.recipe import Recipe, recipe_for
from ecirun.image.reference import normalised

REF_NAME = "org.opencontainers.image.ref.name"
RECIPE = "ecirun.recipe"
RECIPE_DIGEST = "ecirun.recipe.digest"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def default_store() -> Path:
    """$ECIRUN_STORE, or /var/lib/ecirun for root, or a folder of the user's own."""
    if chosen := os.environ.get("ECIRUN_STORE"):
        return Path(chosen)
    if os.geteuid() == 0:
        return Path("/var/lib/ecirun")
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return Path(data) / "ecirun"


def find_image(reference: str, store: Path) -> Image | None:
    """The image that answers to the reference, or None. Raises ImageBroken when the store cannot be read."""
    wanted = normalised(reference)
    recipe = recipe_for(reference)
    for entry in _index(store):
        annotations = entry.get("annotations", {})
        of_recipe = recipe is not None and annotations.get(RECIPE) == recipe.name
        if annotations.get(REF_NAME) == wanted or of_recipe:
            return _image(reference, entry, store)
    return None


def built_from(recipe: Recipe, store: Path) -> Image | None:
    """The image that was built from just this recipe, or None."""
    for entry in _index(store):
        if entry.get("annotations", {}).get(RECIPE_DIGEST) == recipe.digest:
            image = _image(recipe.references[0], entry, store)
            return image if os.path.isdir(image.rootfs) else None
    return None


def list_images(store: Path) -> list[Image]:
    """Every image of the store, by reference."""
    images = [_image(entry.get("annotations", {}).get(REF_NAME, "<none>"), entry, store) for entry in _index(store)]
    return sorted(images, key=lambda image: image.reference)


def _index(store: Path) -> list[dict[str, Any]]:
    try:
        manifests: list[dict[str, Any]] = json.loads((store / "index.json").read_bytes())["manifests"]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ImageBroken(f"Can't read the store {store}: {error.strerror}", hint="name another with --store") from None
    except (ValueError, KeyError, TypeError):
        raise ImageBroken(
            f"Can't read the store {store}: index.json is broken", hint=f"remove {store} and build again"
        ) from None
    return manifests


def _image(reference: str, entry: dict[str, Any], store: Path) -> Image:
    digest = entry["digest"]
    try:
        manifest = json.loads(_blob(store, digest).read_bytes())
        config = json.loads(_blob(store, manifest["config"]["digest"]).read_bytes())
    except (OSError, ValueError, KeyError):
        raise ImageBroken(f'Can\'t read image "{reference}" of the store {store}', hint="build or load it again") from None
    return Image(
        reference=reference,
        digest=digest,
        config=ImageConfig.from_oci(config),
        rootfs=str(store / "roots" / digest.partition(":")[2]),
        size=sum(layer["size"] for layer in manifest["layers"]),
        created=config.get("created", ""),
    )


def _blob(store: Path, digest: str) -> Path:
    algorithm, _colon, value = digest.partition(":")
    return store / "blobs" / algorithm / value


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


class Draft:
    """A folder in the store where an image is made before it is there."""

    def __init__(self, store: Path) -> None:
        self.store = store
        try:
            for name in ("tmp", "roots", "blobs/sha256"):
                (store / name).mkdir(parents=True, exist_ok=True)
            self.path = Path(tempfile.mkdtemp(dir=store / "tmp"))
        except OSError as error:
            raise ImageBroken(
                f"Can't write the store {store}: {error.strerror}", hint="run as its owner, or name another with --store"
            ) from None

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, *_reason: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def add_blob(self, content: bytes, media_type: str) -> dict[str, Any]:
        """Put a blob into the store; its descriptor."""
        value = hashlib.sha256(content).hexdigest()
        place = self.store / "blobs" / "sha256" / value
        if not place.exists():
            draft = self.path / value
            draft.write_bytes(content)
            os.replace(draft, place)
        return {"mediaType": media_type, "digest": f"sha256:{value}", "size": len(content)}

    def add_image(self, reference: str, manifest: dict[str, Any], rootfs: Path, annotations: dict[str, str]) -> Image:
        """Make the image known under the reference, with `rootfs` (a folder of this draft) as its unpacked root."""
        descriptor = self.add_blob(json.dumps(manifest, sort_keys=True).encode(), MANIFEST)
        place = self.store / "roots" / descriptor["digest"].partition(":")[2]
        with _locked(self.store):
            if not place.exists():
                os.rename(rootfs, place)
            entry = {**descriptor, "annotations": {REF_NAME: reference, **annotations}}
            entries = [old for old in _index(self.store) if old.get("annotations", {}).get(REF_NAME) != reference]
            self._write("oci-layout", {"imageLayoutVersion": "1.0.0"})
            self._write("index.json", {"schemaVersion": 2, "manifests": [*entries, entry]})
        return _image(reference, entry, self.store)

    def _write(self, name: str, document: dict[str, Any]) -> None:
        draft = self.path / name
        draft.write_text(json.dumps(document, indent=1) + "\n")
        os.replace(draft, self.store / name)


@contextlib.contextmanager
def _locked(store: Path) -> Iterator[None]:
    """Only one process at a time changes the index. The lock is the folder's own, so there is no file to leave behind."""
    descriptor = os.open(store, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
