"""A folder → one image layer: a tar whose bytes depend on nothing but the tree."""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from typing import IO, cast

from ecirun.image.draft import NewBlob
from ecirun.image.tar.pax import XATTR
from ecirun.image.unpack.attributes import kept

BUFFER = 1 << 18


def write_layer(folder: str, blob: NewBlob, change: Callable[[tarfile.TarInfo], object] = lambda _member: None) -> list[str]:
    """Write the tree as an uncompressed tar, sorted by name; `change` may change each member's metadata first.

    Attributes that an image can have are kept. Sockets, and what is mounted inside the tree, are left out and returned.
    """
    left_out = []
    device = os.lstat(folder).st_dev
    with tarfile.open(fileobj=cast(IO[bytes], blob), mode="w|", format=tarfile.PAX_FORMAT, bufsize=BUFFER) as tar:
        for path in _walk(folder):
            status = os.lstat(path)
            if stat.S_ISSOCK(status.st_mode) or status.st_dev != device:
                left_out.append(path)
                if not stat.S_ISDIR(status.st_mode):
                    continue
            member = tar.gettarinfo(path, arcname=os.path.relpath(path, folder))
            member.uname = member.gname = ""
            member.pax_headers = _extended(path, status)
            change(member)
            if member.isreg():
                with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
                    tar.addfile(member, file)
            else:
                tar.addfile(member)
    return left_out


def _walk(folder: str) -> Iterator[str]:
    """The folder and all below it, parents first, sorted by name; mounts are named and not entered."""
    yield folder
    below = [folder]
    device = os.lstat(folder).st_dev
    while below:
        directory = below.pop()
        with os.scandir(directory) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            yield entry.path
        inside = [entry.path for entry in found if entry.is_dir(follow_symlinks=False)]
        below += reversed([path for path in inside if os.lstat(path).st_dev == device])


def _extended(path: str, status: os.stat_result) -> dict[str, str]:
    """What a plain header has no room for: attributes, and the time to the nanosecond, which tarfile would round."""
    records = {}
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        if kept(name):
            value = os.getxattr(path, name, follow_symlinks=False)
            records[XATTR.decode() + name] = value.decode(errors="surrogateescape")
    seconds, nanoseconds = divmod(status.st_mtime_ns, 1_000_000_000)
    if nanoseconds:
        records["mtime"] = f"{seconds}.{nanoseconds:09}"
    return records


def plain(member: tarfile.TarInfo) -> None:
    """Owned by root, and of no age: the same recipe gives the same digest."""
    member.uid = member.gid = 0
    member.mtime = 0
    member.pax_headers = {key: value for key, value in member.pax_headers.items() if key != "mtime"}
