"""The folders and programs that ecirun works with."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

from ecirun.doctor.finding import Finding
from ecirun.errors import ImageBroken
from ecirun.image.store import find_image, list_images
from ecirun.runtime.state import STATE


def findings(store: str) -> Iterator[Finding]:
    """State, store, and what images are pulled with."""
    yield _state()
    yield _store(store)
    finding = Finding("skopeo", "pulls images from registries", needed=False)
    path = shutil.which("skopeo")
    if path:
        yield finding._replace(found=path)
    else:
        yield finding._replace(says="Can't pull an image: there is no skopeo", fix="sudo apt-get install skopeo")


def _state() -> Finding:
    finding = Finding("state", "knows the pods of this machine", found=STATE)
    try:
        os.mkdir(STATE, 0o700)
        os.rmdir(STATE)
    except FileExistsError:
        if os.access(STATE, os.W_OK | os.X_OK):
            return finding
        reason = "Permission denied"
    except OSError as error:
        reason = error.strerror or str(error)
    else:
        return finding
    fix = "run ecirun as root; in docker, add --tmpfs /run"
    return finding._replace(found="", says=f"Can't write {STATE}: {reason}", fix=fix)


def _store(store: str) -> Finding:
    finding = Finding("store", "holds images", needed=False)
    try:
        if find_image("busybox", store):
            count = len(list_images(store))
            return finding._replace(found=f"{store}: {count} image{'' if count == 1 else 's'}")
    except ImageBroken as error:
        return finding._replace(says=error.message, fix=error.hint)
    nearest = store
    while not os.path.exists(nearest):
        nearest = os.path.dirname(nearest) or "."
    if os.access(nearest, os.W_OK):
        return finding._replace(found=f"{store}: no busybox yet, the first pod builds it")
    says = f"Can't find busybox in {store}, nor build it: {nearest} cannot be written"
    return finding._replace(says=says, fix="sudo ecirun image build busybox")
