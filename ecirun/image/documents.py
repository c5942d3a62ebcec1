"""The JSON documents of images: read with a limit on their size, checked before anybody trusts a field of them.

Formats: OCI image specification (manifest.md, image-index.md, config.md) and Docker's image manifest version 2, schema 2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ecirun.image.bad_image import BadImage
from ecirun.image.unpack.limits import LARGEST_JSON, MOST_LAYERS
from ecirun.record import Record

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"

INDEXES = (OCI_INDEX, DOCKER_LIST)
MANIFESTS = (OCI_MANIFEST, DOCKER_MANIFEST)
LAYERS = re.compile(
    r"application/vnd\.(oci\.image\.layer\.(nondistributable\.)?v1\.tar(\+gzip|\+zstd)?"
    r"|docker\.image\.rootfs\.(foreign\.)?diff\.tar(\.gzip|\.zstd)?)"
)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Descriptor(Record):
    """What refers to a blob. `platform` is (os, architecture, variant), each empty when it is not said."""

    media_type: str
    digest: str
    size: int
    platform: tuple[str, str, str]
    annotations: Mapping[str, str]


class Manifest(Record):
    """One image: its config and its layers, lowest first."""

    config: Descriptor
    layers: tuple[Descriptor, ...]


class Config(Record):
    """What ecirun checks of an image's config."""

    platform: tuple[str, str, str]
    diff_ids: tuple[str, ...]


def parse(content: bytes, what: str) -> dict[str, Any]:
    """The JSON object in a document. Raises BadImage."""
    if len(content) > LARGEST_JSON:
        raise BadImage(f"{what} has more than {LARGEST_JSON} bytes")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise BadImage(f"{what} is no JSON") from None
    if not isinstance(document, dict):
        raise BadImage(f"{what} is no JSON object")
    return document


def index_of(document: Mapping[str, Any], what: str) -> list[Descriptor]:
    """The entries of an index or manifest list. Raises BadImage."""
    entries = document.get("manifests")
    if not isinstance(entries, list):
        raise BadImage(f"{what} lists no manifests")
    return [_descriptor(entry, what) for entry in entries]


def manifest_of(document: Mapping[str, Any], what: str) -> Manifest:
    """The image that a manifest describes. Raises BadImage for what is no image, or none that can be unpacked."""
    if document.get("schemaVersion") != 2:
        raise BadImage(f"{what} has schema version {document.get('schemaVersion')}, of which only 2 is known")
    config = _descriptor(document.get("config"), what)
    layers = document.get("layers")
    if not isinstance(layers, list):
        raise BadImage(f"{what} lists no layers")
    if config.media_type not in (OCI_CONFIG, DOCKER_CONFIG):
        raise BadImage(f"it is no container image: its config has the media type {config.media_type!r}")
    if len(layers) > MOST_LAYERS:
        raise BadImage(f"{what} lists {len(layers)} layers; at most {MOST_LAYERS} are unpacked")
    found = tuple(_descriptor(layer, what) for layer in layers)
    for number, layer in enumerate(found, 1):
        if not LAYERS.fullmatch(layer.media_type):
            raise BadImage(f"layer {number} has the unknown media type {layer.media_type!r}")
    return Manifest(config, found)


def config_of(document: Mapping[str, Any]) -> Config:
    """What matters of a config, all of its types checked. Raises BadImage."""
    rootfs = document.get("rootfs")
    if not isinstance(rootfs, dict) or rootfs.get("type") != "layers":
        raise BadImage("its config has no rootfs of type layers")
    diff_ids = _strings(rootfs.get("diff_ids"), "rootfs.diff_ids")
    for diff_id in diff_ids:
        _check_digest(diff_id, "its config")
    platform = tuple(_string(document.get(key), key) for key in ("os", "architecture", "variant"))
    _string(document.get("created"), "created")
    check_run_config(document.get("config"))
    return Config(platform, diff_ids)  # type: ignore[arg-type]


def check_run_config(config: object) -> None:
    """Raises BadImage when the `config` object of an image has a field of a wrong type, or a NUL that no exec would take."""
    if config is None:
        return
    if not isinstance(config, dict):
        raise BadImage("its config.config is no JSON object")
    for key in ("User", "WorkingDir", "StopSignal"):
        _string(config.get(key), f"config.{key}")
    for key in ("Env", "Entrypoint", "Cmd"):
        _strings(config.get(key), f"config.{key}")
    for key in ("Volumes", "Labels"):
        if not isinstance(config.get(key) or {}, dict):
            raise BadImage(f"its config has a config.{key} that is no JSON object")
    _strings(list(config.get("Volumes") or {}), "config.Volumes")


def _descriptor(value: object, what: str) -> Descriptor:
    if not isinstance(value, dict):
        raise BadImage(f"{what} has a descriptor that is no JSON object")
    digest, size = value.get("digest"), value.get("size")
    _check_digest(digest, what)
    if not isinstance(size, int) or size < 0:
        raise BadImage(f"{what} has a descriptor without a size")
    platform = value.get("platform") or {}
    annotations = value.get("annotations") or {}
    if not isinstance(platform, dict) or not isinstance(annotations, dict):
        raise BadImage(f"{what} has a descriptor with fields of a wrong type")
    return Descriptor(
        str(value.get("mediaType", "")),
        str(digest),
        size,
        (str(platform.get("os", "")), str(platform.get("architecture", "")), str(platform.get("variant", ""))),
        {str(key): str(text) for key, text in annotations.items()},
    )


def _check_digest(digest: object, what: str) -> None:
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise BadImage(f"{what} has a digest that is no sha256 digest: {str(digest)[:80]!r}")


def _string(value: object, where: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or "\0" in value:
        raise BadImage(f"its config has a {where} that is no string")
    return value


def _strings(value: object, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) and "\0" not in item for item in value):
        raise BadImage(f"its config has a {where} that is no list of strings")
    return tuple(value)
