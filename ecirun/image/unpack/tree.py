"""The root that an image is unpacked into: directories by descriptor, every path walked by the kernel, never out of the root.

A path of an archive is resolved as a process in the container would resolve it (openat2 with RESOLVE_IN_ROOT: absolute links
and `..` stay inside), but only up to the last component's directory. What is then made, removed or linked is one name in a
directory that is open already, so no link in the archive can lead anywhere else. Nobody but this process writes here.

Directories stay open for a while, because archives list a directory's files together. Making a file changes its directory's
modification time, so each gets back, before it is closed, the time that it had or that the archive gave it.
"""

from __future__ import annotations

import errno
import os
import stat

from ecirun.linux.openat2 import open_in_root
from ecirun.linux.tree import remove_tree

OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK | os.O_CLOEXEC
KEEP_OPEN = 64
MOST_LINKS = 40  # as the kernel's MAXSYMLINKS
DEEPEST = 256  # directories below each other; some programs walk a tree with one descriptor or stack frame per level


class Directory:
    """An open directory, and the access and modification times (nanoseconds) that it is to have in the end."""

    __slots__ = ("descriptor", "inode", "times")

    def __init__(self, descriptor: int, status: os.stat_result) -> None:
        self.descriptor = descriptor
        self.inode = status.st_ino
        self.times = (status.st_atime_ns, status.st_mtime_ns)


class Tree:
    """The directories of a root. Close it, or the last times are not set."""

    def __init__(self, path: str) -> None:
        self._root = os.open(path, OPEN)
        self._depth_of_root = os.readlink(f"/proc/self/fd/{self._root}").count("/")
        self._by_path: dict[bytes, Directory] = {}
        self._by_inode: dict[int, Directory] = {}

    def close(self) -> None:
        """Set the times of all open directories, and close them."""
        self._close_directories()
        os.close(self._root)

    def trim(self) -> None:
        """Close directories when many are open. No Directory got before is good after it."""
        if len(self._by_inode) > KEEP_OPEN:
            self._close_directories()

    def directory(self, path: bytes, *, make: bool = True, links: int = 0) -> Directory:
        """The directory at a path without `.` and `..` (empty: the root); with `make`, what is missing of it is made (0755)."""
        known = self._by_path.get(path)
        if known is not None:
            return known
        if links > MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        try:
            descriptor = open_in_root(self._root, path or b".", OPEN)
        except FileNotFoundError:
            if not make:
                raise
            return self._make(path, links)
        return self._remember(path, descriptor)

    def clear(self, directory: Directory, name: bytes) -> None:
        """Remove what stands at a name, with everything below it."""
        mode = self.status(directory, name).st_mode
        if stat.S_ISDIR(mode) or stat.S_ISLNK(mode):
            self.forget_paths()
        remove_tree(directory.descriptor, os.fsdecode(name))

    def forget_paths(self) -> None:
        """Resolve all paths anew: a link or directory that they lead through goes away."""
        self._by_path.clear()

    @staticmethod
    def status(directory: Directory, name: bytes) -> os.stat_result:
        """What stands at a name, a link itself and not what it points to. Raises FileNotFoundError."""
        return os.stat(name, dir_fd=directory.descriptor, follow_symlinks=False)

    def _make(self, path: bytes, links: int) -> Directory:
        above, _slash, name = path.rpartition(b"/")
        parent = self.directory(above, links=links)
        try:
            os.mkdir(name, 0o755, dir_fd=parent.descriptor)
        except FileExistsError:
            # A link to nothing: what it points to is made.
            target = os.readlink(name, dir_fd=parent.descriptor)
            return self.directory(clean(target if target.startswith(b"/") else above + b"/" + target), links=links + 1)
        os.chmod(name, 0o755, dir_fd=parent.descriptor)  # whatever the umask
        made = self._remember(path, open_in_root(self._root, path, OPEN))
        made.times = (0, 0)  # the archive says nothing of it, and the same archive is to give the same root
        return made

    def _remember(self, path: bytes, descriptor: int) -> Directory:
        status = os.fstat(descriptor)
        directory = self._by_inode.get(status.st_ino)
        if directory is None:
            directory = self._by_inode[status.st_ino] = Directory(descriptor, status)
            self._check_depth(descriptor)
        else:
            # Another path to it: two objects would each restore another time.
            os.close(descriptor)
        self._by_path[path] = directory
        return directory

    def _check_depth(self, descriptor: int) -> None:
        # Its real place: through links, a short path can lead deep down.
        if os.readlink(f"/proc/self/fd/{descriptor}").count("/") - self._depth_of_root > DEEPEST:
            raise OSError(errno.ENAMETOOLONG, f"more than {DEEPEST} directories below each other")

    def _close_directories(self) -> None:
        for directory in self._by_inode.values():
            os.utime(directory.descriptor, ns=directory.times)
            os.close(directory.descriptor)
        self._by_path.clear()
        self._by_inode.clear()


def clean(path: bytes) -> bytes:
    """The path without `.`, `..`, double slashes and slashes at its ends, as Go's path.Clean makes it; empty for the root."""
    if path.startswith(b"./"):
        path = path[2:]
    path = path.rstrip(b"/")
    if path and not path.startswith((b"/", b".")) and b"/." not in path and b"//" not in path:
        return path
    parts: list[bytes] = []
    for part in path.split(b"/"):
        if part == b"..":
            del parts[-1:]
        elif part not in (b"", b"."):
            parts.append(part)
    return b"/".join(parts)
