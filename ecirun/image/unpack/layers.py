"""Layers → a root, by the rules of the OCI image specification (layer.md), the way umoci and containerd do it.

* A member replaces what stands at its path, but for a directory that meets a directory: they are merged.
* A whiteout removes what lower layers have at its path, an opaque one what they have in its directory; never what the same
  layer brings, wherever in the layer it stands.
* Owner, then mode (chown drops set-uid), then attributes (a write or chown drops security.capability), then times.
* Device nodes are made, as umoci does: the mount of a root is nodev, and only the store's owner can reach it otherwise.

Without root's privilege nobody can give files away: then all files are the caller's, and devices and set-uid bits are left
out. Such a root serves for `check` and `plan`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

from ecirun.image.bad_image import BadImage, shown
from ecirun.image.tar.header import BLOCK_DEVICE, CHARACTER_DEVICE, DIRECTORY, LINK, REGULAR, SYMLINK
from ecirun.image.tar.reader import Member, TarReader
from ecirun.image.unpack.attributes import Attributes
from ecirun.image.unpack.limits import Limits
from ecirun.image.unpack.tree import Directory, Tree, clean
from ecirun.image.unpack.whiteout import PREFIX, Whiteouts

CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
MOST_MAJOR, MOST_MINOR = (1 << 12) - 1, (1 << 20) - 1  # include/linux/kdev_t.h: what a device number has room for
T = TypeVar("T")
# Errors that say nothing about the archive.
OF_THIS_MACHINE = frozenset(getattr(errno, name) for name in "ENOSPC EDQUOT EROFS EIO EMFILE ENFILE ENOMEM ENOSYS".split())


class Unpacker:
    """Unpacks the layers of one image, one after another, into the folder `root`. Close it in the end."""

    def __init__(self, root: str, limits: Limits) -> None:
        self.size = 0  # bytes of all files so far
        self.left_out: dict[str, list[bytes]] = {}  # what could not, or must not, be unpacked: the members that have it
        self._tree = Tree(root)
        self._limits = limits
        self._files = 0
        self._whiteouts = Whiteouts(self._tree)
        self._attributes = Attributes(self._leave_out)
        self._privileged = os.geteuid() == 0

    def close(self) -> None:
        """Set the last directories' times."""
        self._tree.close()

    def apply(self, reader: TarReader) -> None:
        """Unpack the next layer. Raises BadImage, and OSError for what is this machine's fault."""
        for member in reader:
            self._files += 1
            self.size += member.size
            self._limits.check(self._files, self.size)
            try:
                self._unpack(member, reader)
            except OSError as error:
                if error.errno in OF_THIS_MACHINE:
                    raise
                raise BadImage(f"member {shown(member.name)}: {_reason(error)}") from None
            except BadImage as error:
                raise BadImage(f"member {shown(member.name)}: {error.reason}", hint=error.hint) from None
        self._whiteouts.next_layer()

    def _unpack(self, member: Member, reader: TarReader) -> None:
        self._tree.trim()
        path = clean(member.name)
        above, _slash, name = path.rpartition(b"/")
        if member.kind == DIRECTORY:
            self._directory(member, path, above, name)
        elif not name:
            self._leave_out("what would replace the root itself", member.name)
        elif name.startswith(PREFIX):
            self._whiteouts.apply(above, name)
        else:
            directory = self._tree.directory(above)
            if member.kind == REGULAR:
                self._regular(member, directory, name, reader)
            elif member.kind == SYMLINK:
                self._symlink(member, directory, name)
            elif member.kind == LINK:
                self._hard_link(member, directory, name)
            else:
                self._node(member, directory, name)
            self._whiteouts.bring(directory, name)

    def _directory(self, member: Member, path: bytes, above: bytes, name: bytes) -> None:
        new = bool(name) and self._new_directory(self._tree.directory(above), name)
        directory = self._tree.directory(path)
        if not self._privileged:
            member.mode |= 0o700  # its owner must be able to fill it, and to remove it some day
        self._finish(directory.descriptor, member, new=new)
        directory.times = (member.mtime, member.mtime)

    def _new_directory(self, parent: Directory, name: bytes) -> bool:
        """Whether a directory was made; one that is there already stays."""
        self._whiteouts.bring(parent, name)
        try:
            os.mkdir(name, 0o700, dir_fd=parent.descriptor)
        except FileExistsError:
            if stat.S_ISDIR(self._tree.status(parent, name).st_mode):
                return False
            self._tree.clear(parent, name)
            os.mkdir(name, 0o700, dir_fd=parent.descriptor)
        return True

    def _regular(self, member: Member, directory: Directory, name: bytes, reader: TarReader) -> None:
        descriptor = self._replace(directory, name, lambda: os.open(name, CREATE, 0o600, dir_fd=directory.descriptor))
        try:
            if member.sparse is None:
                for piece in reader.data():
                    _write(descriptor, piece)
            else:
                _write_parts(descriptor, member.sparse.parts, reader.data())
                os.ftruncate(descriptor, member.sparse.size)
            self._finish(descriptor, member, new=True)
            os.utime(descriptor, ns=(member.mtime, member.mtime))
        finally:
            os.close(descriptor)

    def _symlink(self, member: Member, directory: Directory, name: bytes) -> None:
        self._replace(directory, name, lambda: os.symlink(member.link, name, dir_fd=directory.descriptor))
        self._finish_name(directory, name, member)

    def _hard_link(self, member: Member, directory: Directory, name: bytes) -> None:
        above, _slash, source = clean(member.link).rpartition(b"/")
        try:
            origin = self._tree.directory(above, make=False)
            target = self._tree.status(origin, source or b".")
        except (FileNotFoundError, NotADirectoryError):
            raise BadImage(f"a hard link to {shown(member.link)}, which is not there") from None
        if stat.S_ISDIR(target.st_mode):
            raise BadImage(f"a hard link to {shown(member.link)}, which is a directory")

        def link() -> None:
            places = {"src_dir_fd": origin.descriptor, "dst_dir_fd": directory.descriptor}
            os.link(source, name, **places, follow_symlinks=False)

        if not self._is(target, directory, name):
            self._replace(directory, name, link)

    def _node(self, member: Member, directory: Directory, name: bytes) -> None:
        """A device or fifo."""
        major, minor = member.device
        if not (0 <= major <= MOST_MAJOR and 0 <= minor <= MOST_MINOR):
            raise BadImage(f"device number {major}:{minor} is out of range")
        kind = {CHARACTER_DEVICE: stat.S_IFCHR, BLOCK_DEVICE: stat.S_IFBLK}.get(member.kind, stat.S_IFIFO)
        number = os.makedev(major, minor)
        try:
            self._replace(directory, name, lambda: os.mknod(name, kind | 0o600, number, dir_fd=directory.descriptor))
        except PermissionError:
            self._leave_out("device nodes, which this process may not make", member.name)
            return
        self._finish_name(directory, name, member)

    def _replace(self, directory: Directory, name: bytes, make: Callable[[], T]) -> T:
        """Make something at a name, in place of what stands there."""
        try:
            return make()
        except FileExistsError:
            self._tree.clear(directory, name)
            return make()

    def _is(self, file: os.stat_result, directory: Directory, name: bytes) -> bool:
        """Whether the very file stands at a name already."""
        try:
            return os.path.samestat(file, self._tree.status(directory, name))
        except FileNotFoundError:
            return False

    def _finish(self, descriptor: int, member: Member, *, new: bool) -> None:
        """Owner, mode and attributes of an open file or directory."""
        if self._privileged:
            os.chown(descriptor, member.uid, member.gid)
        os.chmod(descriptor, member.mode if self._privileged else member.mode & 0o777)
        self._attributes.set(descriptor, member, new=new)

    def _finish_name(self, directory: Directory, name: bytes, member: Member) -> None:
        """Owner, mode, attributes and times of what cannot be opened: a link, a device, a fifo."""
        place = directory.descriptor
        if self._privileged:
            os.chown(name, member.uid, member.gid, dir_fd=place, follow_symlinks=False)
        if member.kind != SYMLINK:
            os.chmod(name, member.mode, dir_fd=place)
        self._attributes.set(f"/proc/self/fd/{place}/{os.fsdecode(name)}", member, new=True)
        os.utime(name, ns=(member.mtime, member.mtime), dir_fd=place, follow_symlinks=False)

    def _leave_out(self, what: str, name: bytes) -> None:
        self.left_out.setdefault(what, []).append(name)


def _reason(error: OSError) -> str:
    if isinstance(error, NotADirectoryError):
        return "what stands above it is no directory"
    return error.strerror or str(error)


def _write(descriptor: int, piece: memoryview) -> None:
    written = os.write(descriptor, piece)
    while written < len(piece):
        written += os.write(descriptor, piece[written:])


def _write_parts(descriptor: int, parts: Iterable[tuple[int, int]], data: Iterator[memoryview]) -> None:
    """Write a sparse file's data, one part after another, to where each belongs."""
    piece = memoryview(b"")
    for offset, length in parts:
        end = offset + length
        while offset < end:
            piece = piece or next(data)
            written = os.pwrite(descriptor, piece[: end - offset], offset)
            offset += written
            piece = piece[written:]
