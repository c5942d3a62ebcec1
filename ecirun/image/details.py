"""All that the store knows of an image, as plain data for people and programs."""

from __future__ import annotations

from typing import Any

from ecirun.errors import ImageBroken
from ecirun.image.names import entry_of
from ecirun.image.store import image_of, index_of, read_json, shown_names


def details_of(wanted: str, store: str) -> dict[str, Any]:
    """The image that a name, a digest or the beginning of one stands for. Raises ImageNotFound, ImageBroken."""
    entry = entry_of(wanted, store)
    name = shown_names(entry)[0]
    image = image_of(name, entry, store)
    try:
        manifest = read_json(store, entry["digest"])
        config = read_json(store, manifest["config"]["digest"])
        layers = [
            {"digest": layer["digest"], "diff_id": diff_id, "size": layer["size"], "media_type": layer["mediaType"]}
            for layer, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True)
        ]
    except (OSError, ValueError, KeyError, TypeError):
        raise ImageBroken(
            f'Can\'t read image "{name}" of the store {store}', hint="run `ecirun image fsck` to see what is wrong"
        ) from None
    same = [other for other in index_of(store) if other["digest"] == entry["digest"]]
    return {
        "reference": name,
        "references": sorted(name for other in same for name in shown_names(other)),
        "digest": image.digest,
        "config_digest": manifest["config"]["digest"],
        "created": image.created,
        "os": config.get("os", ""),
        "architecture": config.get("architecture", ""),
        "variant": config.get("variant", ""),
        "size": image.size,
        "unpacked_size": image.unpacked_size,
        "source": image.source,
        "registry_digest": image.registry_digest,
        "unpacked_by": image.unpacked_by,
        "rootfs": image.rootfs,
        "config": {**_plain(image.config._asdict()), "labels": (config.get("config") or {}).get("Labels") or {}},
        "layers": layers,
    }


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in config.items()}
