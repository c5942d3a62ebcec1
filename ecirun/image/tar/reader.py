"""A tar archive as a stream of members: pax and GNU extensions, long names, sparse files; nothing is kept in memory.

Names and link targets are bytes: an archive has no encoding, and a file name under Linux has none either.
"""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.image.bad_image import BadImage
from ecirun.image.tar.header import (
    BLOCK,
    CONTIGUOUS,
    DIRECTORY,
    GNU_LONG_LINK,
    GNU_LONG_NAME,
    GNU_SPARSE,
    LARGEST,
    OLD_REGULAR,
    PAX,
    PAX_GLOBAL,
    REGULAR,
    WITHOUT_DATA,
    ZEROS,
    Header,
    parse_header,
)
from ecirun.image.tar.pax import PaxRecord, apply_pax, pax_records
from ecirun.image.tar.sparse import SparseMap, gnu_map, pax_sparse
from ecirun.image.tar.stream import ByteStream

LARGEST_EXTENSION = 1 << 20  # bytes of one extended header, as in Go; xattrs and names together are far below
LARGEST_ID = (1 << 32) - 2  # (uid_t)-1 means "leave it" to chown


class Member:
    """One file of the archive, with what its extended headers say.

    `kind` is a type flag of tar_header (REGULAR for every kind of regular file), `size` the bytes in the file system, `stored`
    those in the archive, `mtime` in nanoseconds, `sparse` where a sparse file's data goes.
    """

    __slots__ = ("device", "gid", "kind", "link", "mode", "mtime", "name", "size", "sparse", "stored", "uid", "xattrs")

    def __init__(self, header: Header) -> None:
        self.name = header.name
        self.kind = header.kind
        self.mode = header.mode & 0o7777
        self.uid = header.uid
        self.gid = header.gid
        self.size = self.stored = header.size
        self.mtime = header.mtime * 1_000_000_000
        self.link = header.link
        self.device = (header.major, header.minor)
        self.xattrs: dict[str, bytes] | None = None
        self.sparse: SparseMap | None = None


class TarReader:
    """Iterate over it for the members; `data()` gives the content of the one that came last. Raises BadImage."""

    def __init__(self, stream: ByteStream) -> None:
        self.stream = stream
        self.ended_with_mark = False  # two blocks of zeros, without which an archive may have been cut short
        self._block = b""
        self._left = 0  # bytes of the current member that nobody has read
        self._padding = 0

    def data(self) -> Iterator[memoryview]:
        """The stored bytes of the current member, in pieces, which must be read to the end."""
        left, self._left = self._left, 0
        return self.stream.pieces(left)

    def __iter__(self) -> Iterator[Member]:
        pax: list[PaxRecord] = []
        long_name = long_link = b""
        while (header := self._next_header()) is not None:
            if header.kind == PAX:
                pax = pax_records(self._extension(header))
            elif header.kind == GNU_LONG_NAME:
                long_name = self._extension(header).partition(b"\0")[0]
            elif header.kind == GNU_LONG_LINK:
                long_link = self._extension(header).partition(b"\0")[0]
            elif header.kind == PAX_GLOBAL:
                self._extension(header)
            else:
                member = Member(header)
                if pax:
                    apply_pax(member, pax)
                member.name = long_name or member.name
                member.link = long_link or member.link
                self._open(member, pax)
                yield member
                pax = []
                long_name = long_link = b""

    def _next_header(self) -> Header | None:
        if self._left or self._padding:
            self.stream.skip(self._left + self._padding)
            self._left = self._padding = 0
        self._block = self.stream.take_or_end(BLOCK)
        if self._block == ZEROS:
            second = self.stream.take_or_end(BLOCK)
            self.ended_with_mark = second == ZEROS
            if second and not self.ended_with_mark:
                raise BadImage("data follows a block of zeros: it is damaged")
            return None
        return parse_header(self._block) if self._block else None

    def _extension(self, header: Header) -> bytes:
        if not 0 <= header.size <= LARGEST_EXTENSION:
            raise BadImage(f"an extended header has {header.size} bytes; at most {LARGEST_EXTENSION} are read")
        self._padding = -header.size % BLOCK
        return self.stream.take(header.size)

    def _open(self, member: Member, pax: list[PaxRecord]) -> None:
        """Get ready for the member's data, and check what all members have."""
        if member.kind == OLD_REGULAR and member.name.endswith(b"/"):
            member.kind = DIRECTORY
        if member.kind in WITHOUT_DATA:
            member.size = member.stored = 0
        if not 0 <= member.size <= LARGEST:
            raise BadImage("a file in it has a size that no file can have")
        if not (0 <= member.uid <= LARGEST_ID and 0 <= member.gid <= LARGEST_ID):
            raise BadImage(f"owner {member.uid}:{member.gid} of a file in it is out of range")
        self._left, self._padding = member.stored, -member.stored % BLOCK
        if member.kind == GNU_SPARSE:
            self._make_sparse(member, gnu_map(self._block, self.stream))
        elif pax and member.kind not in WITHOUT_DATA and (sparse := pax_sparse(pax, self.stream)) is not None:
            member.name = sparse.name or member.name
            member.stored -= sparse.taken
            self._left = member.stored
            self._make_sparse(member, sparse.map)
        if member.kind in (OLD_REGULAR, CONTIGUOUS, GNU_SPARSE):
            member.kind = REGULAR

    def _make_sparse(self, member: Member, sparse: SparseMap) -> None:
        if sum(length for _offset, length in sparse.parts) != member.stored:
            raise BadImage("a sparse file in it has more or less data than its map says")
        member.size = sparse.size
        member.sparse = sparse
