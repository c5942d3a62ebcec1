"""A root file system without an image around it, a folder or a tar → an image of one layer."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from ecirun.image.bad_image import BadImage
from ecirun.image.documents import OCI_LAYER
from ecirun.image.install import Blob, FoundImage, Workshop
from ecirun.image.naming import spelled_out
from ecirun.image.platforms import host_platform
from ecirun.image.tar.stream import CHUNK
from ecirun.image.tar.writer import write_layer

NO_TIME = "1970-01-01T00:00:00Z"  # the same input gives the same digest


def layer_of_folder(folder: str, shop: Workshop) -> Blob:
    """The folder as a layer. Raises BadImage."""
    if not os.listdir(folder):
        raise BadImage("the folder is empty", hint="name the folder of a root file system")
    if os.path.realpath(shop.draft.store).startswith(os.path.join(os.path.realpath(folder), "")):
        raise BadImage("the store lies in it", hint="name another store with --store")
    with shop.progress.task("packing", 0), shop.draft.new_blob() as blob:
        for path in write_layer(folder, blob):
            shop.progress.warn(f"left out {path}: a socket, or mounted there from elsewhere")
    return Blob(OCI_LAYER, blob.digest, blob.size)


def layer_of_tar(descriptor: int, shop: Workshop) -> Blob:
    """The uncompressed tar as a layer."""
    size = os.fstat(descriptor).st_size
    with shop.progress.task("copying", size) as at:

        def chunks() -> Iterator[bytes]:
            for offset in range(0, size, CHUNK):
                yield os.pread(descriptor, CHUNK, offset)
                at(offset)

        return Blob(OCI_LAYER, *shop.draft.copy_blob(chunks()))


def plain_root(layer: Blob, name: str, run_config: Mapping[str, Any], created: str = NO_TIME) -> FoundImage:
    """The image of that layer alone, for this machine. Raises BadImage."""
    system, architecture, variant = host_platform()
    config = {
        "architecture": architecture,
        "os": system,
        "created": created,
        "config": dict(run_config),
        "rootfs": {"type": "layers", "diff_ids": [layer.digest]},
    }
    if variant:
        config["variant"] = variant
    return FoundImage((spelled_out(name),) if name else (), json.dumps(config, sort_keys=True).encode(), (layer,))
