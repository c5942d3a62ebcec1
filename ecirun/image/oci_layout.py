"""Images in an OCI image layout, as a folder or a tar (OCI image specification, image-layout.md)."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from ecirun.image.bad_image import BadImage
from ecirun.image.documents import INDEXES, MANIFESTS, Descriptor, index_of, manifest_of, parse
from ecirun.image.files import Files, read_small
from ecirun.image.install import FoundImage, FoundLayer
from ecirun.image.naming import name_of_tag, spelled_out
from ecirun.image.platforms import choose

LAYOUT_VERSION = "1.0.0"
REF_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"  # what docker and containerd write; their ref.name is the tag alone
DEEPEST_INDEX = 4


def find_images(files: Files, fallback: str) -> list[FoundImage]:
    """The images that index.json names, each for this machine; `fallback` names one that has at most a tag. Raises BadImage."""
    version = parse(read_small(files, "oci-layout"), "oci-layout").get("imageLayoutVersion")
    if version != LAYOUT_VERSION:
        raise BadImage(f"it has OCI layout version {version!r}, of which only {LAYOUT_VERSION} is known")
    groups: dict[str, list[Descriptor]] = {}
    for entry in index_of(parse(read_small(files, "index.json"), "index.json"), "index.json"):
        groups.setdefault(_name(entry, fallback), []).append(entry)
    if not groups:
        raise BadImage("its index.json names no image")
    found: dict[bytes | None, FoundImage] = {}
    for name, entries in groups.items():
        image = _image(files, entries, "index.json")
        known = found.get(image.manifest, image)
        found[image.manifest] = known._replace(names=(*known.names, *([name] if name else ())))
    return list(found.values())


def _name(entry: Descriptor, fallback: str) -> str:
    if CONTAINERD_NAME in entry.annotations:
        return spelled_out(entry.annotations[CONTAINERD_NAME])
    return name_of_tag(entry.annotations.get(REF_NAME, ""), fallback)


def _image(files: Files, entries: Sequence[Descriptor], where: str, depth: int = 0) -> FoundImage:
    """The image for this machine among entries of one name, which may be indexes of their own."""
    entry = choose(entries, where)
    if entry.media_type not in (*INDEXES, *MANIFESTS):
        raise BadImage(f"{where} has an entry of the unknown media type {entry.media_type!r}")
    content = _blob(files, entry, f"the manifest {entry.digest}")
    document = parse(content, f"the manifest {entry.digest}")
    if entry.media_type in INDEXES:
        if depth == DEEPEST_INDEX:
            raise BadImage("its indexes are nested too deep")
        return _image(files, index_of(document, f"the index {entry.digest}"), f"the index {entry.digest}", depth + 1)
    return image_of_manifest(files, content, entry.media_type)


def image_of_manifest(files: Files, content: bytes, media_type: str, blobs: str = "blobs/sha256/") -> FoundImage:
    """The image that a manifest describes, its blobs named by their digests. Raises BadImage."""
    manifest = manifest_of(parse(content, "its manifest"), "its manifest")
    config = _blob(files, manifest.config, "its config", blobs)
    layers = []
    for number, layer in enumerate(manifest.layers, 1):
        name = blobs + layer.digest.partition(":")[2]
        size = files.size(name)
        if size is None:
            raise BadImage(f"layer {number} of {len(manifest.layers)}: its blob {layer.digest} is missing")
        layers.append(FoundLayer(layer.digest, size, functools.partial(files.chunks, name)))
    return FoundImage((), config, tuple(layers), content, media_type)


def _blob(files: Files, descriptor: Descriptor, what: str, blobs: str = "blobs/sha256/") -> bytes:
    import hashlib

    name = blobs + descriptor.digest.partition(":")[2]
    if files.size(name) is None:
        raise BadImage(f"{what}: its blob {descriptor.digest} is missing")
    content = read_small(files, name)
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if digest != descriptor.digest:
        raise BadImage(f"{what}: its content has the digest {digest}, and not {descriptor.digest}")
    return content
