"""The writing side of the store: an image is made in a folder of its own, and is there when index.json names it."""

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
from ecirun.image.model import Image
from ecirun.image.store import REF_NAME, image_of, index_of

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Draft:
    """A folder in the store where an image is made before it is there."""

    def __init__(self, store: str) -> None:
        self.store = Path(store)
        try:
            for name in ("tmp", "roots", "blobs/sha256"):
                (self.store / name).mkdir(parents=True, exist_ok=True)
            self.path = Path(tempfile.mkdtemp(dir=self.store / "tmp"))
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
            entries = [old for old in index_of(str(self.store)) if old.get("annotations", {}).get(REF_NAME) != reference]
            self._write("oci-layout", {"imageLayoutVersion": "1.0.0"})
            self._write("index.json", {"schemaVersion": 2, "manifests": [*entries, entry]})
        return image_of(reference, entry, str(self.store))

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
