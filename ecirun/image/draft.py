"""The writing side of the store: an image is made in a folder of its own, and is there when index.json names it.

1. A draft is a folder in tmp/ that its maker holds a lock on. Blobs and root are written there and nowhere else.
2. To publish, under the lock of the store: rename the root to its place, then links of all blobs, then a new index.json. The
   draft has all blobs of its images, also those that the store had before: whoever removes another image meanwhile takes
   none of them away, and a damaged one is mended.
3. Whoever opens a draft removes those that nobody holds any more: their makers were killed.

Nothing is flushed to the disk: a power cut may lose what was just written, and `image fsck` finds what is then missing.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from ecirun.errors import ImageBroken
from ecirun.image.documents import OCI_INDEX
from ecirun.image.model import Image
from ecirun.image.store import REF_NAME, REFERENCES, Entry, blob_path, image_of, index_of, references_of, root_path
from ecirun.linux.tree import remove_tree
from ecirun.record import Record


class Draft:
    """A folder in the store where images are made before they are there. Use it in a `with`, which removes it."""

    def __init__(self, store: str, *, sweep: bool = True) -> None:
        self.store = store
        self._scratch: list[IO[bytes]] = []
        try:
            for name in ("", "tmp", "roots", "blobs/sha256"):
                os.makedirs(os.path.join(store, name), 0o755, exist_ok=True)
            for name in ("tmp", "roots"):
                # An image may have set-uid programs, which are not for the users of this machine.
                os.chmod(os.path.join(store, name), 0o700)
            with locked(store):
                dead = dead_drafts(store) if sweep else []
                self.path = Path(tempfile.mkdtemp(dir=os.path.join(store, "tmp")))
                self._lock = _lock_of(self.path)
        except OSError as error:
            raise cannot_write(store, error) from None
        for draft in dead:
            draft.remove()

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, *_reason: object) -> None:
        for file in self._scratch:
            file.close()
        remove(str(self.path))
        os.close(self._lock)

    def scratch_file(self) -> int:
        """A descriptor of a new file without a name, which is there as long as the draft."""
        self._scratch.append(tempfile.TemporaryFile(dir=self.path, buffering=0))
        return self._scratch[-1].fileno()

    def copy_blob(self, chunks: Iterable[bytes]) -> tuple[str, int]:
        """Keep a blob for the store; its digest and size."""
        with self.new_blob() as blob:
            for chunk in chunks:
                blob.write(chunk)
        return blob.digest, blob.size

    @contextlib.contextmanager
    def new_blob(self) -> Iterator[NewBlob]:
        """A blob for the store that is to be written inside the `with`."""
        descriptor, path = tempfile.mkstemp(dir=self.path, prefix="blob-")
        blob = NewBlob(descriptor)
        try:
            yield blob
            os.fchmod(descriptor, 0o644)
        finally:
            os.close(descriptor)
        os.rename(path, self._blob(blob.digest))

    def adopt_blob(self, digest: str) -> None:
        """Have a blob of the store in the draft too. Raises FileNotFoundError."""
        with contextlib.suppress(FileExistsError):
            os.link(blob_path(self.store, digest), self._blob(digest))

    def open_blob(self, digest: str) -> int:
        """A descriptor of a blob that was copied or adopted."""
        return os.open(self._blob(digest), os.O_RDONLY | os.O_CLOEXEC)

    def _blob(self, digest: str) -> Path:
        return self.path / digest.partition(":")[2]

    def publish(self, entry: Entry, names: list[str], blobs: Iterable[str], root: Path | None) -> Image | None:
        """Make the image of the entry known under the names, which others lose. `blobs` are the digests of all its blobs.

        Returns None when the image has no root in the store and none was given: then unpack it, and publish again.
        """
        place = root_path(self.store, entry["digest"])
        with locked(self.store):
            entries = [left for old in index_of(self.store) if (left := without_names(old, names)) is not None]
            if not os.path.isdir(place):
                if root is None:
                    return None
                os.rename(root, place)
            for digest in blobs:
                self._link_blob(digest)
            entry = with_names(entry, names)
            write_index(self.store, [entry, *entries])
            return image_of(names[0], entry, self.store)

    def _link_blob(self, digest: str) -> None:
        link = self.path / "link"
        os.link(self._blob(digest), link)
        os.replace(link, blob_path(self.store, digest))
        link.unlink(missing_ok=True)  # rename(2) leaves it when both are one file already


class NewBlob:
    """A file that knows the digest and the size of what was written to it."""

    def __init__(self, descriptor: int) -> None:
        self.size = 0
        self._descriptor = descriptor
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        """sha256:…"""
        return f"sha256:{self._hash.hexdigest()}"

    def write(self, chunk: bytes) -> int:
        """Write all of it."""
        self._hash.update(chunk)
        self.size += len(chunk)
        write_all(self._descriptor, chunk)
        return len(chunk)


def write_all(descriptor: int, chunk: bytes) -> None:
    """write(2) until all is written."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def with_names(entry: Entry, names: list[str]) -> Entry:
    """The entry under just these names."""
    annotations = {key: text for key, text in entry.get("annotations", {}).items() if key not in (REF_NAME, REFERENCES)}
    if "*" not in names[0]:
        annotations[REF_NAME] = names[0]
    if names[1:] or "*" in names[0]:
        annotations[REFERENCES] = " ".join(names)
    return {**entry, "annotations": annotations}


def without_names(entry: Entry, names: Iterable[str]) -> Entry | None:
    """The entry without these names, None when it has no other."""
    left = [name for name in references_of(entry) if name not in names]
    return with_names(entry, left) if left else None


def write_index(store: str, entries: list[Entry]) -> None:
    """Replace index.json. Only for who holds the lock of the store."""
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    for name, document in (("oci-layout", {"imageLayoutVersion": "1.0.0"}), ("index.json", index)):
        draft = os.path.join(store, "tmp", f".{name}")
        with open(draft, "w") as file:
            file.write(json.dumps(document, indent=1) + "\n")
        os.replace(draft, os.path.join(store, name))


@contextlib.contextmanager
def locked(store: str) -> Iterator[None]:
    """Only one process at a time changes the index. The lock is the folder's own, so there is no file to leave behind."""
    descriptor = _lock_of(store)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock_of(folder: str | Path) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


class DeadDraft(Record):
    """A draft whose maker is gone, held by this process so that nobody else removes it too."""

    path: str
    lock: int

    def remove(self) -> None:
        """Take it away."""
        remove(self.path)
        os.close(self.lock)


def remove(path: str) -> None:
    """Remove what is in a folder of the store, as far as this process may."""
    folder = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            remove_tree(folder, os.path.basename(path))
    finally:
        os.close(folder)


def dead_drafts(store: str) -> list[DeadDraft]:
    """The drafts that nobody holds. Only for who holds the lock of the store: nobody is just opening one then."""
    dead = []
    for name in sorted(os.listdir(os.path.join(store, "tmp"))):
        path = os.path.join(store, "tmp", name)
        lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            dead.append(DeadDraft(path, lock))
        except BlockingIOError:
            os.close(lock)
    return dead


def cannot_write(store: str, error: OSError) -> ImageBroken:
    """What is said when the store cannot be written."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    way = "free some space there" if full else "run as its owner"
    return ImageBroken(f"Can't write the store {store}: {error.strerror}", hint=f"{way}, or name another with --store")
