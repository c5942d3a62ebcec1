"""The extended headers of pax (IEEE Std 1003.1, pax, "pax Extended Header"), and the attributes that are kept there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ecirun.image.bad_image import BadImage

if TYPE_CHECKING:
    from ecirun.image.tar.reader import Member

XATTR: Final = b"SCHILY.xattr."
LARGEST_NUMBER = 30  # characters; more cannot be a size, an id or a time
LENGTH_DIGITS = 8

PaxRecord = tuple[bytes, bytes]


def pax_records(content: bytes) -> list[PaxRecord]:
    """The (key, value) pairs of an extended header, in order. Raises BadImage."""
    records = []
    at = 0
    while at < len(content):
        space = content.find(b" ", at, at + LENGTH_DIGITS)
        digits = content[at:space]
        if space < 0 or not digits.isdigit():
            raise BadImage("an extended header has a record without a length: it is damaged")
        end = at + int(digits)
        key, equals, value = content[space + 1 : end - 1].partition(b"=")
        if end > len(content) or content[end - 1 : end] != b"\n" or not equals or not key:
            raise BadImage("an extended header has a broken record: it is damaged")
        records.append((key, value))
        at = end
    return records


def apply_pax(member: Member, records: list[PaxRecord]) -> None:
    """Let the records say what the header could not. An empty value leaves the header's. Raises BadImage."""
    for key, value in records:
        if key.startswith(XATTR):
            if member.xattrs is None:
                member.xattrs = {}
            member.xattrs[key[len(XATTR) :].decode(errors="surrogateescape")] = value
        elif not value:
            continue
        elif key == b"path":
            member.name = _name(value)
        elif key == b"linkpath":
            member.link = _name(value)
        elif key == b"size":
            member.size = member.stored = _integer(value)
        elif key == b"uid":
            member.uid = _integer(value)
        elif key == b"gid":
            member.gid = _integer(value)
        elif key == b"mtime":
            member.mtime = _nanoseconds(value)


def _name(value: bytes) -> bytes:
    if b"\0" in value:
        raise BadImage("a name in it holds a NUL byte")
    return value


def _integer(value: bytes) -> int:
    digits = value[1:] if value[:1] == b"-" else value
    if not digits.isdigit() or len(value) > LARGEST_NUMBER:
        raise BadImage("an extended header holds a number that is none: it is damaged")
    return int(value)


def _nanoseconds(value: bytes) -> int:
    """A time in decimal seconds, as exactly as the file system keeps it; more digits are cut off towards the past."""
    whole, _point, fraction = value.partition(b".")
    if fraction and not fraction.isdigit():
        raise BadImage("an extended header holds a time that is none: it is damaged")
    nanoseconds = int(fraction[:9].ljust(9, b"0"))
    if whole[:1] == b"-":
        return _integer(whole) * 1_000_000_000 - nanoseconds
    return _integer(whole) * 1_000_000_000 + nanoseconds
