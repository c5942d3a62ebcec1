"""What is wrong with a store, and mending it: every blob is hashed, every root compared with its image unpacked anew."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from ecirun.errors import ImageBroken
from ecirun.image.bad_image import BadImage, failing, shown
from ecirun.image.compare import differences
from ecirun.image.documents import config_of, manifest_of, parse
from ecirun.image.draft import Draft, dead_drafts, locked, remove, write_index
from ecirun.image.install import Blob, Workshop, unpack
from ecirun.image.names import needed_blobs
from ecirun.image.progress import SILENT, At, Progress
from ecirun.image.store import UNPACKED_BY, Entry, blob_path, index_of, root_path, shown_names
from ecirun.image.tar.stream import CHUNK
from ecirun.image.unpack.limits import NO_LIMITS
from ecirun.record import Record

Kind = Literal["index", "blob", "root", "draft", "unused"]
MOST_SHOWN = 3  # differences of one root
START_ANEW = "run `ecirun image prune`, and load the images again"
MENDS = {
    "index": START_ANEW,
    "blob": "run `ecirun image prune`, which removes the image, and load it again",
    "root": "run `ecirun image prune`, which unpacks it again",
    "draft": "run `ecirun image prune`, which removes it",
    "unused": "run `ecirun image prune`, which removes it",
}


class Problem(Record):
    """One thing that is wrong with an image, or with the store (`image` empty). What is `unused` does no harm."""

    kind: Kind
    image: str
    message: str

    @property
    def hint(self) -> str:
        """What to do about it."""
        return MENDS[self.kind]


def check_store(store: str, progress: Progress = SILENT) -> list[Problem]:
    """All problems of the store, which nobody can change meanwhile. Raises ImageBroken when it cannot be checked."""
    if not os.path.isdir(store):
        return []
    with failing(f"check the store {store}", store), Draft(store, sweep=False) as draft, locked(store):
        return list(_problems(Workshop(draft, NO_LIMITS, progress)))


def mend_store(store: str, in_use: Mapping[str, str], progress: Progress = SILENT) -> Iterator[str]:
    """Mend what check_store finds and remove what no image needs; what was done, in lines for the user.

    `in_use` maps the roots of running pods to the pods; these stay as they are. Raises ImageBroken.
    """
    if os.path.isdir(store):
        with failing(f"mend the store {store}", store), Draft(store, sweep=False) as draft, locked(store):
            yield from _mended(Workshop(draft, NO_LIMITS, progress), in_use)


def _problems(shop: Workshop) -> Iterator[Problem]:
    store = shop.draft.store
    entries = []
    try:
        entries = index_of(store)
    except ImageBroken:
        yield Problem("index", "", "index.json is broken: the names of all images are lost")
    for entry in _one_per_image(entries):
        problem, fresh = _examine(entry, shop)
        if fresh is not None:
            remove(str(fresh))
        if problem is not None:
            yield problem
    for draft in dead_drafts(store):
        os.close(draft.lock)
        yield Problem("draft", "", f"draft {os.path.basename(draft.path)} is left over: its maker was killed")
    for path in _unused(entries, store):
        yield Problem("unused", "", f"{_called(path)} belongs to no image")


def _mended(shop: Workshop, in_use: Mapping[str, str]) -> Iterator[str]:
    store = shop.draft.store
    try:
        entries = index_of(store)
    except ImageBroken:
        entries = []
        write_index(store, entries)
        yield "started index.json anew: it was broken"
    for entry in _one_per_image(entries):
        problem, fresh = _examine(entry, shop)
        if problem is not None and problem.kind == "blob":
            entries = [other for other in entries if other["digest"] != entry["digest"]]
            write_index(store, entries)
            yield f"removed {problem.image}: {problem.message}"
        elif problem is not None and fresh is not None:
            yield _replace_root(entry, problem, fresh, shop, in_use)
        elif fresh is not None:
            remove(str(fresh))
    for draft in dead_drafts(store):
        draft.remove()
        yield f"removed draft {os.path.basename(draft.path)}: its maker was killed"
    for path in _unused(entries, store):
        if str(path) not in in_use:
            remove(str(path))
            yield f"removed {_called(path)}: it belongs to no image"


def _called(path: Path) -> str:
    return f"{'root' if path.parent.name == 'roots' else 'blob'} {path.name}"


def _one_per_image(entries: list[Entry]) -> list[Entry]:
    return list({entry["digest"]: entry for entry in entries}.values())


def _examine(entry: Entry, shop: Workshop) -> tuple[Problem | None, Path | None]:
    """What is wrong with an image, and its root unpacked anew, unless that cannot be done or compared."""
    store, digest, name = shop.draft.store, entry["digest"], shown_names(entry)[0]
    try:
        layers, diff_ids = _verified(name, digest, shop)
        fresh = unpack(layers, diff_ids, shop).root
    except BadImage as error:
        return Problem("blob", name, error.reason), None
    root = root_path(store, digest)
    if not os.path.isdir(root):
        return Problem("root", name, "its root is missing"), fresh
    if entry.get("annotations", {}).get(UNPACKED_BY, str(os.geteuid())) != str(os.geteuid()):
        return None, fresh  # by somebody with other privileges: owners and modes differ
    found = [f"{shown(path)} {what}" for path, what in itertools.islice(differences(root, str(fresh)), MOST_SHOWN + 1)]
    if not found:
        return None, fresh
    more = ", and more" if len(found) > MOST_SHOWN else ""
    return Problem("root", name, f"its root was changed: {', '.join(found[:MOST_SHOWN])}{more}"), fresh


def _verified(name: str, digest: str, shop: Workshop) -> tuple[list[Blob], tuple[str, ...]]:
    """The layers of an image, all of whose blobs are what their digests say, and their diff ids. Raises BadImage."""
    manifest = manifest_of(parse(_read(digest, "its manifest", shop), "its manifest"), "its manifest")
    config = config_of(parse(_read(manifest.config.digest, "its config", shop), "its config"))
    for number, layer in enumerate(manifest.layers, 1):
        place = f"layer {number} of {len(manifest.layers)}"
        with shop.progress.task(f"checking {name}, {place}", layer.size) as at:
            _verify(layer.digest, place, shop, at)
    if len(config.diff_ids) != len(manifest.layers):
        raise BadImage(f"its config counts {len(config.diff_ids)} layers, and it has {len(manifest.layers)}")
    return [Blob(layer.media_type, layer.digest, layer.size) for layer in manifest.layers], config.diff_ids


def _read(digest: str, what: str, shop: Workshop) -> bytes:
    _verify(digest, what, shop, lambda _position: None)
    return Path(blob_path(shop.draft.store, digest)).read_bytes()


def _verify(digest: str, what: str, shop: Workshop, at: At) -> None:
    """Hash a blob of the store, and give the draft a link to it."""
    seen = hashlib.sha256()
    try:
        shop.draft.adopt_blob(digest)
    except FileNotFoundError:
        raise BadImage(f"{what}: its blob {digest} is missing") from None
    descriptor = shop.draft.open_blob(digest)
    try:
        while chunk := os.read(descriptor, CHUNK):
            seen.update(chunk)
            at(os.lseek(descriptor, 0, os.SEEK_CUR))
    finally:
        os.close(descriptor)
    if f"sha256:{seen.hexdigest()}" != digest:
        raise BadImage(f"{what}: the content of its blob {digest} is damaged")


def _replace_root(entry: Entry, problem: Problem, fresh: Path, shop: Workshop, in_use: Mapping[str, str]) -> str:
    root = root_path(shop.draft.store, entry["digest"])
    if root in in_use:
        return f'left {problem.image} as it is, though {problem.message}: pod "{in_use[root]}" runs on it'
    if os.path.lexists(root):
        os.rename(root, f"{fresh}-damaged")
    os.rename(fresh, root)
    return f"unpacked {problem.image} again: {problem.message}"


def _unused(entries: list[Entry], store: str) -> list[Path]:
    """Blobs and roots that belong to no image."""
    needed = needed_blobs(entries, store)
    digests = {entry["digest"] for entry in entries}
    blobs = sorted(Path(store, "blobs", "sha256").iterdir()) if needed is not None else []
    roots = sorted(Path(store, "roots").absolute().iterdir())
    return [
        *(path for path in blobs if f"sha256:{path.name}" not in (needed or ())),
        *(path for path in roots if f"sha256:{path.name}" not in digests),
    ]
