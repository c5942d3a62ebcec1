"""Image archives as named files, whether they lie in a folder or in a tar: a layer is read from where it is."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ecirun.image.bad_image import BadImage
from ecirun.image.tar.header import LINK, REGULAR, SYMLINK
from ecirun.image.tar.reader import TarReader
from ecirun.image.tar.stream import CHUNK, FileStream, Truncated
from ecirun.image.unpack.limits import LARGEST_JSON
from ecirun.image.unpack.tree import clean
from ecirun.record import Record

MOST_FILES = 10_000  # of an image archive; a tar with more is a root file system
MOST_LINKS = 8


class Files(Protocol):
    """Files of an archive by name."""

    def size(self, name: str) -> int | None:
        """Bytes of a file, or None when there is none of that name."""

    def chunks(self, name: str) -> Iterator[bytes]:
        """The content of a file. Raises BadImage."""


def read_small(files: Files, name: str) -> bytes:
    """A document of an archive. Raises BadImage when it is not there or too big."""
    size = files.size(name)
    if size is None:
        raise BadImage(f"it has no {name}")
    if size > LARGEST_JSON:
        raise BadImage(f"{name} has more than {LARGEST_JSON} bytes")
    return b"".join(files.chunks(name))


class FolderFiles:
    """The regular files of a folder."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def size(self, name: str) -> int | None:
        """Bytes of a file, or None when there is none of that name."""
        try:
            status = (self._folder / name).stat()
        except OSError:
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def chunks(self, name: str) -> Iterator[bytes]:
        """The content of a file."""
        with (self._folder / name).open("rb", buffering=0) as file:
            while chunk := file.read(CHUNK):
                yield chunk


class _Place(Record):
    offset: int
    size: int


class TarFiles:
    """The regular files of an uncompressed tar, found by one walk over its headers. `is_root` when it can be no image archive.

    Some versions of docker save the layer that two images share once, and link to it.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._files: dict[str, _Place | str] = {}
        self.is_root = False
        stream = FileStream(descriptor)
        reader = TarReader(stream)
        for member in reader:
            name = os.fsdecode(clean(member.name))
            if member.kind == REGULAR and member.sparse is None:
                self._files[name] = _Place(stream.position, member.size)
            elif member.kind == SYMLINK:
                self._files[name] = posixpath.normpath(posixpath.join(posixpath.dirname(name), os.fsdecode(member.link)))
            elif member.kind == LINK:
                self._files[name] = os.fsdecode(clean(member.link))
            if len(self._files) > MOST_FILES:
                self.is_root = True
                self._files.clear()
        if not reader.ended_with_mark:
            raise Truncated

    def size(self, name: str) -> int | None:
        """Bytes of a file, or None when there is none of that name."""
        place = self._place(name)
        return place.size if place else None

    def chunks(self, name: str) -> Iterator[bytes]:
        """The content of a file. Raises BadImage."""
        place = self._place(name)
        assert place is not None
        offset, end = place.offset, place.offset + place.size
        while offset < end:
            chunk = os.pread(self._descriptor, min(CHUNK, end - offset), offset)
            if not chunk:
                raise Truncated
            offset += len(chunk)
            yield chunk

    def _place(self, name: str) -> _Place | None:
        found = self._files.get(name)
        for _link in range(MOST_LINKS):
            if not isinstance(found, str):
                return found
            found = self._files.get(found)
        raise BadImage(f"{name} is a link to links without end")
