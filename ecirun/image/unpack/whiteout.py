"""Whiteouts: how a layer says that files of lower layers are gone (OCI image specification, layer.md, "Whiteouts")."""

from __future__ import annotations

import os
import stat
from typing import Final

from ecirun.image.bad_image import BadImage
from ecirun.image.unpack.tree import OPEN, Directory, Tree

PREFIX: Final = b".wh."
OPAQUE: Final = b".wh..wh..opq"


class Whiteouts:
    """Removes what is hidden, and remembers what the current layer has brought, which none of its whiteouts may remove."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._brought: set[bytes] | None = None  # `inode of the directory/name`; None in the first layer: nothing is lower

    def next_layer(self) -> None:
        """All that is there is lower from now on."""
        self._brought = set()

    def bring(self, directory: Directory, name: bytes) -> None:
        """The current layer has made, or given new metadata to, what stands at a name."""
        if self._brought is not None:
            self._brought.add(b"%d/%s" % (directory.inode, name))

    def apply(self, above: bytes, name: bytes) -> None:
        """Carry out the whiteout of that name in the directory at path `above`. Raises BadImage."""
        hidden = name[len(PREFIX) :]
        if hidden in (b"", b".", b".."):
            raise BadImage("a whiteout of its own directory, or of one above it")
        if self._brought is None:
            return
        try:
            directory = self._tree.directory(above, make=False)
        except (FileNotFoundError, NotADirectoryError):
            return
        self._tree.forget_paths()
        if name == OPAQUE:
            self._remove_all(directory.descriptor, directory.inode)
        else:
            self._remove(directory.descriptor, directory.inode, hidden)

    def _remove_all(self, directory: int, inode: int) -> bool:
        """Remove what is lower in an open directory; whether nothing is left."""
        with os.scandir(directory) as entries:
            names = [os.fsencode(entry.name) for entry in entries]
        return all([self._remove(directory, inode, name) for name in names])

    def _remove(self, directory: int, inode: int, name: bytes) -> bool:
        """Remove what stands at a name as far as it is lower; whether nothing is left."""
        assert self._brought is not None
        brought = b"%d/%s" % (inode, name) in self._brought
        try:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return True
        if not stat.S_ISDIR(status.st_mode):
            if not brought:
                os.unlink(name, dir_fd=directory)
            return not brought
        descriptor = os.open(name, OPEN | os.O_NOFOLLOW, dir_fd=directory)
        try:
            empty = self._remove_all(descriptor, status.st_ino)
            if brought or not empty:
                os.utime(descriptor, ns=(status.st_atime_ns, status.st_mtime_ns))
                return False
        finally:
            os.close(descriptor)
        os.rmdir(name, dir_fd=directory)
        return True
