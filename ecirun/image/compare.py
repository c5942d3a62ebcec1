"""Two trees, file by file: what differs between an unpacked root and the same image unpacked anew."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from ecirun.image.unpack.tree import OPEN

CHUNK = 1 << 18


def differences(one: str, other: str) -> Iterator[tuple[bytes, str]]:
    """(path, what differs) of all that is not the same in both trees; `one` is what is judged.

    The time of a directory is left out: a program that looks for changed files must not care how they were changed.
    """
    first, second = os.open(one, OPEN), os.open(other, OPEN)
    try:
        yield from _in_directories(first, second, b"")
    finally:
        os.close(first)
        os.close(second)


def _in_directories(one: int, other: int, path: bytes) -> Iterator[tuple[bytes, str]]:
    if what := _metadata(os.fstat(one), os.fstat(other)) or _attributes(one, other):
        yield path.rstrip(b"/") or b".", what
    names, others = _names(one), _names(other)
    for name in sorted(names ^ others):
        yield path + name, "is missing" if name in others else "was added"
    for name in sorted(names & others):
        yield from _at(name, one, other, path + name)


def _names(directory: int) -> set[bytes]:
    with os.scandir(directory) as entries:
        return {os.fsencode(entry.name) for entry in entries}


def _at(name: bytes, one: int, other: int, path: bytes) -> Iterator[tuple[bytes, str]]:
    first = os.stat(name, dir_fd=one, follow_symlinks=False)
    second = os.stat(name, dir_fd=other, follow_symlinks=False)
    if stat.S_ISDIR(first.st_mode) and stat.S_ISDIR(second.st_mode):
        below, beside = os.open(name, OPEN | os.O_NOFOLLOW, dir_fd=one), os.open(name, OPEN | os.O_NOFOLLOW, dir_fd=other)
        try:
            yield from _in_directories(below, beside, path + b"/")
        finally:
            os.close(below)
            os.close(beside)
        return
    what = _metadata(first, second)
    if not what and stat.S_ISLNK(first.st_mode) and os.readlink(name, dir_fd=one) != os.readlink(name, dir_fd=other):
        what = "points elsewhere"
    if not what and stat.S_ISREG(first.st_mode):
        what = _files(name, one, other)
    if what:
        yield path, what


def _metadata(one: os.stat_result, other: os.stat_result) -> str:
    if stat.S_IFMT(one.st_mode) != stat.S_IFMT(other.st_mode):
        return "is of another type"
    if (one.st_uid, one.st_gid) != (other.st_uid, other.st_gid):
        return "has another owner"
    if one.st_mode != other.st_mode:
        return "has another mode"
    if one.st_rdev != other.st_rdev:
        return "is another device"
    if stat.S_ISDIR(one.st_mode):
        return ""
    if one.st_size != other.st_size:
        return "has another size"
    if one.st_nlink != other.st_nlink:
        return "has more or fewer hard links"
    return "has another time" if one.st_mtime_ns != other.st_mtime_ns else ""


def _attributes(one: int, other: int) -> str:
    first, second = ({name: os.getxattr(file, name) for name in os.listxattr(file)} for file in (one, other))
    return "has other attributes" if first != second else ""


def _files(name: bytes, one: int, other: int) -> str:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    first, second = os.open(name, flags, dir_fd=one), os.open(name, flags, dir_fd=other)
    try:
        if what := _attributes(first, second):
            return what
        while (chunk := os.read(first, CHUNK)) == os.read(second, CHUNK):
            if not chunk:
                return ""
        return "has other content"
    finally:
        os.close(first)
        os.close(second)
