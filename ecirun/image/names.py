"""Names of images in the store: what one stands for, giving another, taking one away, and with the last one the image."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from ecirun.errors import ImageBroken, ImageNotFound
from ecirun.image.draft import Draft, locked, with_names, without_names, write_index
from ecirun.image.model import Image
from ecirun.image.reference import normalised, spellings
from ecirun.image.store import (
    Entry,
    answers_to,
    blob_path,
    image_of,
    index_of,
    read_json,
    references_of,
    root_path,
)

BEGINNING = re.compile(r"(?:sha256:)?([0-9a-f]{6,64})")  # of a digest


def entry_of(wanted: str, store: str) -> Entry:
    """The entry that a name, a digest or the beginning of a digest stands for. Raises ImageNotFound."""
    entries = index_of(store)
    for name in spellings(wanted) if not wanted.startswith("sha256:") else ():
        for entry in entries:
            if answers_to(entry, name):
                return entry
    beginning = BEGINNING.fullmatch(wanted)
    found = {entry["digest"]: entry for entry in entries if beginning and entry["digest"][7:].startswith(beginning[1])}
    if len(found) > 1:
        raise ImageNotFound(f'Can\'t tell which image "{wanted}" is: {len(found)} begin so', hint="give more of the digest")
    if not found:
        raise ImageNotFound(f'Can\'t find image "{wanted}" in the store {store}', hint="see `ecirun image ls`")
    return found.popitem()[1]


def tag_image(wanted: str, name: str, store: str) -> Image:
    """Give an image one more name, which another image loses. Raises ImageNotFound, ImageBroken."""
    name = normalised(name)
    entry_of(wanted, store)
    with Draft(store), locked(store):
        entry = with_names(entry_of(wanted, store), [name])
        others = [left for old in index_of(store) if (left := without_names(old, [name])) is not None]
        write_index(store, [entry, *others])
    return image_of(name, entry, store)


def remove_image(wanted: str, store: str, in_use: Mapping[str, str]) -> list[str]:
    """Take a name away, and with the last one the image; a digest takes all names. What was done, in lines for the user.

    `in_use` maps the roots of running pods to the pods. Raises ImageNotFound, ImageBroken.
    """
    entry_of(wanted, store)
    with Draft(store) as draft, locked(store):
        before, entry = index_of(store), entry_of(wanted, store)
        digest, root = entry["digest"], root_path(store, entry["digest"])
        taken = _names_taken(wanted, [old for old in before if old["digest"] == digest])
        after = [left for old in before if (left := _without(old, digest, taken)) is not None]
        gone = all(old["digest"] != digest for old in after)
        if gone and root in in_use:
            raise ImageBroken(f'Can\'t remove image "{wanted}": pod "{in_use[root]}" runs on it', hint="stop the pod first")
        own, needed = needed_blobs([entry], store), needed_blobs(after, store)
        write_index(store, after)
        for blob in own - needed if own is not None and needed is not None else ():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(blob_path(store, blob))
        if gone:
            with contextlib.suppress(FileNotFoundError):
                os.rename(root, draft.path / "root")
    lines = [f"untagged {name}" for name in sorted(taken) if "*" not in name]
    return [*lines, f"deleted {digest}"] if gone else lines


def _names_taken(wanted: str, entries: list[Entry]) -> set[str]:
    names = {name for entry in entries for name in references_of(entry)}
    if "/" not in wanted and BEGINNING.fullmatch(wanted) and not names & set(spellings(wanted)):
        return names
    if "@" in wanted or wanted.startswith("sha256:"):
        return names
    return {name for name in names for spelling in spellings(wanted) if fnmatchcase(spelling, name)}


def _without(entry: Entry, digest: str, taken: set[str]) -> Entry | None:
    """The entry without the names, None when only patterns would be left: they were never a user's."""
    if entry["digest"] != digest:
        return entry
    left = without_names(entry, taken)
    return left if left is not None and any("*" not in name for name in references_of(left)) else None


def needed_blobs(entries: list[Entry], store: str) -> set[str] | None:
    """The digests of all blobs of these images; None when a manifest cannot be read, which may need any blob."""
    needed: set[str] = set()
    for entry in entries:
        try:
            manifest = read_json(store, entry["digest"])
            needed.update({entry["digest"], manifest["config"]["digest"]}, (layer["digest"] for layer in manifest["layers"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
    return needed
