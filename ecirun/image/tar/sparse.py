"""Sparse files in tar archives: GNU tar's own format, and its three ways to say it in pax headers (GNU tar manual, D.2)."""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.image.bad_image import BadImage
from ecirun.image.tar.header import BLOCK, number
from ecirun.image.tar.pax import PaxRecord
from ecirun.image.tar.stream import ByteStream
from ecirun.record import Record

LARGEST_MAP = 1 << 20  # bytes of a map that is kept in the data


class SparseMap(Record):
    """The file's whole size, and (offset, length) of each part that has data."""

    size: int
    parts: tuple[tuple[int, int], ...]


def gnu_map(header: bytes, stream: ByteStream) -> SparseMap:
    """The map of an old GNU sparse header, and of the blocks that continue it in the stream. Raises BadImage."""
    numbers = list(_entries(header[386:482]))
    more = header[482]
    while more:
        block = stream.take(BLOCK)
        numbers += _entries(block[:504])
        more = block[504]
        if len(numbers) * 12 > LARGEST_MAP:
            raise BadImage("the map of a sparse file in it is too long")
    return _checked(number(header[483:495]), numbers)


def _entries(field: bytes) -> Iterator[int]:
    """Pairs of 12-byte numbers up to the first empty one."""
    for at in range(0, len(field) - 23, 24):
        if not field[at]:
            return
        yield number(field[at : at + 12])
        yield number(field[at + 12 : at + 24])


class PaxSparse(Record):
    """What pax records say of a sparse file: its name (or none), its map, and the bytes of the data that the map took."""

    name: bytes
    map: SparseMap
    taken: int


def pax_sparse(records: list[PaxRecord], stream: ByteStream) -> PaxSparse | None:
    """The sparse file that the records describe, if they do. Raises BadImage."""
    values = dict(records)
    name = values.get(b"GNU.sparse.name", b"")
    version = (values.get(b"GNU.sparse.major", b""), values.get(b"GNU.sparse.minor", b""))
    size = values.get(b"GNU.sparse.size") or values.get(b"GNU.sparse.realsize", b"")
    if version == (b"1", b"0"):
        numbers, taken = _map_in_data(stream)
        return PaxSparse(name, _checked(_decimal(size), numbers), taken)
    if version not in ((b"0", b"0"), (b"0", b"1"), (b"", b"")):
        return None
    if b"GNU.sparse.map" in values:
        numbers = [_decimal(word) for word in values[b"GNU.sparse.map"].split(b",") if word]
    else:
        numbers = [_decimal(value) for key, value in records if key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes")]
    return PaxSparse(name, _checked(_decimal(size), numbers), 0) if numbers else None


def _map_in_data(stream: ByteStream) -> tuple[list[int], int]:
    """Format 1.0: before the data, lines of decimal numbers: how many pairs, then the pairs; filled up to whole blocks."""
    text = b""
    count = -1
    while count < 0 or text.count(b"\n") < 1 + 2 * count:
        if len(text) > LARGEST_MAP:
            raise BadImage("the map of a sparse file in it is too long")
        text += stream.take(BLOCK)
        if count < 0 and b"\n" in text:
            count = _decimal(text.partition(b"\n")[0])
    return [_decimal(line) for line in text.split(b"\n")[1 : 1 + 2 * count]], len(text)


def _checked(size: int, numbers: list[int]) -> SparseMap:
    parts = tuple(zip(numbers[::2], numbers[1::2], strict=False))
    end = 0
    for offset, length in parts:
        if offset < end or length < 0:
            raise BadImage("the map of a sparse file in it is out of order")
        end = offset + length
    if len(numbers) % 2 or end > size:
        raise BadImage("the map of a sparse file in it does not fit its size")
    return SparseMap(size, parts)


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 20:
        raise BadImage("the map of a sparse file in it holds a number that is none")
    return int(text)
