"""From an image that was found somewhere to an image of the store: check its documents, copy its blobs, unpack its layers."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from ecirun.image import platforms
from ecirun.image.bad_image import BadImage, shown, within
from ecirun.image.compression import compression_of, decompressed
from ecirun.image.documents import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, config_of, parse
from ecirun.image.draft import Draft
from ecirun.image.model import Image
from ecirun.image.progress import At, Progress
from ecirun.image.read_ahead import ReadAhead
from ecirun.image.store import UNPACKED_BY, UNPACKED_SIZE, index_of, root_path
from ecirun.image.tar.reader import TarReader
from ecirun.image.tar.stream import ByteStream
from ecirun.image.unpack.layers import Unpacker
from ecirun.image.unpack.limits import Limits
from ecirun.record import Record

LAYER_TYPES = {"": OCI_LAYER, "gzip": f"{OCI_LAYER}+gzip", "zstd": f"{OCI_LAYER}+zstd"}


class FoundLayer(Record):
    """A layer where it was found. `digest` is what it must have, or empty; `size` its bytes there."""

    digest: str
    size: int
    chunks: Callable[[], Iterator[bytes]]


class Blob(Record):
    """A blob of a draft, as a descriptor says it."""

    media_type: str
    digest: str
    size: int

    def descriptor(self) -> dict[str, Any]:
        """As a manifest or index refers to it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


class FoundImage(Record):
    """An image where it was found. `names` are its own, spelled out. `manifest` is its own, or None: then it is given one.

    A layer may be a blob of the draft already.
    """

    names: tuple[str, ...]
    config: bytes
    layers: tuple[FoundLayer | Blob, ...]
    manifest: bytes | None = None
    media_type: str = OCI_MANIFEST
    annotations: dict[str, str] = {}  # noqa: RUF012  (never changed)


class Workshop(Record):
    """What every step of an installation needs."""

    draft: Draft
    limits: Limits
    progress: Progress


def install(found: FoundImage, names: Sequence[str], shop: Workshop) -> Image:
    """The image, in the store under these names. Raises BadImage, and OSError for what is this machine's fault."""
    config = config_of(parse(found.config, "its config"))
    platforms.check(config.platform)
    if len(config.diff_ids) != len(found.layers):
        raise BadImage(f"its config counts {len(config.diff_ids)} layers, and it has {len(found.layers)}")
    layers = []
    for number, layer in enumerate(found.layers, 1):
        with within(_place(number, len(found.layers))):
            layers.append(_copy(layer, f"copying {_place(number, len(found.layers))}", shop))
    config_blob = Blob(OCI_CONFIG, *shop.draft.copy_blob([found.config]))
    manifest = _manifest(found, config_blob, layers, shop.draft)
    facts = _facts(shop.draft.store, manifest.digest)
    root = None
    while True:
        if facts is None:
            unpacked = unpack(layers, config.diff_ids, shop)
            root, facts = unpacked.root, unpacked.facts
            for note in unpacked.notes:
                shop.progress.warn(f"{names[0]}: {note}")
        entry = {**manifest.descriptor(), "annotations": {**facts, **found.annotations}}
        blobs = [manifest.digest, config_blob.digest, *(layer.digest for layer in layers)]
        image = shop.draft.publish(entry, list(names), blobs, root)
        if image is not None:
            what = "unpacked" if root is not None else "had already"
            shop.progress.say(f"{what} {names[0]}: {len(layers)} layers, {image.unpacked_size / 1e6:.1f} MB")
            return image
        facts = None


class Unpacked(Record):
    """A folder of the draft, what the index is to say of it, and what the user should know of it."""

    root: Path
    facts: dict[str, str]
    notes: list[str]


def unpack(layers: Sequence[Blob], diff_ids: Sequence[str], shop: Workshop) -> Unpacked:
    """Unpack layers that are blobs of the draft. Raises BadImage, OSError."""
    root = Path(tempfile.mkdtemp(dir=shop.draft.path, prefix="root-"))
    root.chmod(0o755)
    os.utime(root, (0, 0))  # for an image that says nothing of its root
    unpacker = Unpacker(str(root), shop.limits)
    try:
        for number, (layer, diff_id) in enumerate(zip(layers, diff_ids, strict=True), 1):
            place = _place(number, len(layers))
            with within(place):
                _unpack_layer(layer, diff_id, unpacker, f"unpacking {place}", shop)
    finally:
        unpacker.close()
    notes = []
    for what, members in unpacker.left_out.items():
        more = f" and {len(members) - 1} more" if members[1:] else ""
        notes.append(f"left out {what}: {shown(members[0])}{more}")
    facts = {UNPACKED_SIZE: str(unpacker.size)}
    if os.geteuid() != 0:
        facts[UNPACKED_BY] = str(os.geteuid())
        notes.append(f"all its files belong to uid {os.geteuid()}, and none is set-uid; load it as root to keep what it says")
    return Unpacked(root, facts, notes)


def _place(number: int, count: int) -> str:
    return f"layer {number} of {count}"


def _copy(layer: FoundLayer | Blob, title: str, shop: Workshop) -> Blob:
    if isinstance(layer, Blob):
        return layer
    with shop.progress.task(title, layer.size) as at:
        digest, size = shop.draft.copy_blob(_watched(layer.chunks(), at))
    if layer.digest and digest != layer.digest:
        raise BadImage(f"its content has the digest {digest}, and not {layer.digest}")
    descriptor = shop.draft.open_blob(digest)
    kind = compression_of(os.pread(descriptor, 8, 0))
    os.close(descriptor)
    if kind not in LAYER_TYPES:
        raise BadImage(f"it is compressed with {kind}, which no container runtime takes")
    return Blob(LAYER_TYPES[kind], digest, size)


def _watched(chunks: Iterator[bytes], at: At) -> Iterator[bytes]:
    done = 0
    for chunk in chunks:
        done += len(chunk)
        at(done)
        yield chunk


def _manifest(found: FoundImage, config: Blob, layers: Sequence[Blob], draft: Draft) -> Blob:
    """The image's own manifest, or one that is made of its parts."""
    content = found.manifest
    if content is None:
        import json

        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": config.descriptor(),
            "layers": [layer.descriptor() for layer in layers],
        }
        content = json.dumps(document, sort_keys=True).encode()
    return Blob(found.media_type, *draft.copy_blob([content]))


def _facts(store: str, digest: str) -> dict[str, str] | None:
    """What the index says of the unpacked root of that image; None when it has to be unpacked."""
    if not os.path.isdir(root_path(store, digest)):
        return None
    for entry in index_of(store):
        annotations: dict[str, str] = entry.get("annotations", {})
        if entry["digest"] == digest:
            return {key: annotations[key] for key in (UNPACKED_SIZE, UNPACKED_BY) if key in annotations}
    return None


def _unpack_layer(layer: Blob, diff_id: str, unpacker: Unpacker, title: str, shop: Workshop) -> None:
    digest = hashlib.sha256()
    descriptor = shop.draft.open_blob(layer.digest)
    try:
        with shop.progress.task(title, layer.size) as at, ReadAhead(_read(descriptor, digest, shop.limits, at)) as chunks:
            stream = ByteStream(iter(chunks))
            unpacker.apply(TarReader(stream))
            stream.drain()  # the digest is that of all bytes, also those behind the end mark
    finally:
        os.close(descriptor)
    if f"sha256:{digest.hexdigest()}" != diff_id:
        raise BadImage(f"its unpacked content has the digest sha256:{digest.hexdigest()}, and not {diff_id}")


def _read(descriptor: int, digest: hashlib._Hash, limits: Limits, at: At) -> Generator[bytes]:
    """The unpacked bytes of a layer, hashed on the way; runs in a thread of its own."""
    size = 0
    for chunk in decompressed(descriptor):
        digest.update(chunk)
        size += len(chunk)
        position = os.lseek(descriptor, 0, os.SEEK_CUR)
        limits.check(0, size)
        limits.check_ratio(position, size)
        at(position)
        yield chunk
