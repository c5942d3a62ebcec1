"""One header block of a tar archive → its fields, read as strictly as Go's archive/tar does.

All container runtimes read layers with that library. Where two readers understand one archive differently, an attacker
shows the scanner one tree and the runtime another, so the choices are its: the size of a link or directory is ignored, a
global pax header changes nothing, an unknown type is an error. Formats: POSIX ustar and pax (IEEE Std 1003.1, pax),
GNU tar ("Basic Tar Format" in its manual), and the older v7.
"""

from __future__ import annotations

from ecirun.image.bad_image import BadImage
from ecirun.record import Record

BLOCK = 512
ZEROS = bytes(BLOCK)

# The type flags.
REGULAR = b"0"
LINK = b"1"
SYMLINK = b"2"
CHARACTER_DEVICE = b"3"
BLOCK_DEVICE = b"4"
DIRECTORY = b"5"
FIFO = b"6"
CONTIGUOUS = b"7"  # a regular file to everybody today
OLD_REGULAR = b"\0"
PAX = b"x"
PAX_GLOBAL = b"g"
GNU_LONG_NAME = b"L"
GNU_LONG_LINK = b"K"
GNU_SPARSE = b"S"

WITH_DATA = frozenset((REGULAR, CONTIGUOUS, OLD_REGULAR, GNU_SPARSE, PAX, PAX_GLOBAL, GNU_LONG_NAME, GNU_LONG_LINK))
WITHOUT_DATA = frozenset((LINK, SYMLINK, CHARACTER_DEVICE, BLOCK_DEVICE, DIRECTORY, FIFO))

LARGEST = (1 << 63) - 1  # off_t, and what Go reads numbers into


NOT_A_NUMBER = BadImage("a header holds a number that is none: it is damaged, or no tar")


class Header(Record):
    """The fields of one block. `size` is the header's own; for a type without data it means nothing."""

    name: bytes
    kind: bytes
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int  # seconds
    link: bytes
    major: int
    minor: int


def parse_header(block: bytes) -> Header:
    """The fields of a block that is not all zeros. Raises BadImage."""
    _verify_checksum(block)
    kind = block[156:157]
    if kind not in WITH_DATA and kind not in WITHOUT_DATA:
        raise BadImage(f"it has an entry of unknown type {kind.decode('latin-1')!a}")
    name = _text(block[0:100])
    if block[257:263] == b"ustar\0" and block[345]:
        name = _text(block[345:500]) + b"/" + name
    device = kind in (CHARACTER_DEVICE, BLOCK_DEVICE)
    return Header(
        name,
        kind,
        number(block[100:108]),
        number(block[108:116]),
        number(block[116:124]),
        number(block[124:136]),
        number(block[136:148]),
        _text(block[157:257]),
        number(block[329:337]) if device else 0,
        number(block[337:345]) if device else 0,
    )


def number(field: bytes) -> int:
    """An octal number in ASCII, or GNU's big-endian binary, which the first bit marks. Raises BadImage."""
    if field[0] & 0x80:
        value = int.from_bytes(bytes((field[0] & 0x7F,)) + field[1:])
        if field[0] & 0x40:
            value -= 1 << (8 * len(field) - 1)
        if not -LARGEST <= value <= LARGEST:
            raise BadImage("a number in a header is out of range")
        return value
    digits = field[:-1]
    if not digits.isdigit() or field[-1]:
        # Not the usual form: digits up to one NUL. Spaces may stand on both sides, and anything after a NUL.
        digits = field.strip(b" \0").partition(b"\0")[0].rstrip(b" ")
        if not digits:
            return 0
        if not digits.isdigit():
            raise NOT_A_NUMBER
    try:
        return int(digits, 8)
    except ValueError:
        raise NOT_A_NUMBER from None


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _verify_checksum(block: bytes) -> None:
    """The sum of all bytes, with the sum's own field taken as spaces; some old programs summed signed bytes."""
    stored = number(block[148:156])
    unsigned = sum(block) - sum(block[148:156]) + 8 * ord(" ")
    if stored != unsigned and stored != unsigned - 256 * sum(byte > 127 for byte in block[:148] + block[156:]):
        raise BadImage("a header has the wrong checksum: it is damaged, or no tar")
