"""An image as skopeo writes it with `dir:`: manifest.json as the registry has it, and each blob under its digest."""

from __future__ import annotations

from ecirun.image.documents import DOCKER_CONFIG, DOCKER_MANIFEST, OCI_MANIFEST, manifest_of, parse
from ecirun.image.files import Files, read_small
from ecirun.image.install import FoundImage
from ecirun.image.naming import spelled_out
from ecirun.image.oci_layout import image_of_manifest

VERSION = b"Directory Transport Version:"


def is_one(files: Files) -> bool:
    """Whether the files are such a folder."""
    return files.size("version") is not None and read_small(files, "version").startswith(VERSION)


def image_in(files: Files, fallback: str) -> FoundImage:
    """The image; `fallback` names it. Raises BadImage."""
    content = read_small(files, "manifest.json")
    manifest = manifest_of(parse(content, "its manifest"), "its manifest")
    media_type = DOCKER_MANIFEST if manifest.config.media_type == DOCKER_CONFIG else OCI_MANIFEST
    image = image_of_manifest(files, content, media_type, blobs="")
    return image._replace(names=(spelled_out(fallback),) if fallback else ())
