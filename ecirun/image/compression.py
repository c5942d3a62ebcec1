"""Compressed files: told by their first bytes, unpacked in chunks of bounded size whatever they hold."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

from ecirun.errors import HostUnsupported
from ecirun.image.bad_image import BadImage
from ecirun.image.tar.stream import CHUNK, Truncated

MAGIC = (
    (b"\x1f\x8b\x08", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
)
ZSTD_SKIPPABLE = b"\x2a\x4d\x18"  # after a byte 0x50..0x5f: a frame that zstd:chunked and pzstd may begin with
XZ_MEMORY = 256 << 20  # bytes; `xz -9` needs 65 MiB, a hostile header could ask for 4 GiB


def compression_of(head: bytes) -> str:
    """ "gzip", "zstd", "xz", "bzip2", or nothing, by the first bytes of a file."""
    for magic, name in MAGIC:
        if head.startswith(magic):
            return name
    return "zstd" if head[1:4] == ZSTD_SKIPPABLE and 0x50 <= head[0] <= 0x5F else ""


def decompressed(descriptor: int) -> Iterator[bytes]:
    """The content of an open file from its start, whether it is compressed or not; its offset tells how much was read.

    Raises BadImage, and HostUnsupported for a compression that nothing here can undo.
    """
    kind = compression_of(os.pread(descriptor, 8, 0))
    os.lseek(descriptor, 0, os.SEEK_SET)
    if not kind:
        return _read(descriptor)
    if kind == "gzip":
        return _gunzip(descriptor)
    if kind == "zstd" and _zstd() is None:
        return _by_program(descriptor, ["zstd", "-dcq"])
    return _decompress(descriptor, kind)


def _read(descriptor: int) -> Iterator[bytes]:
    while chunk := os.read(descriptor, CHUNK):
        yield chunk


def _gunzip(descriptor: int) -> Iterator[bytes]:
    """All members of a gzip file: pigz, bgzip and stargz write many, one after another."""
    import zlib

    member = zlib.decompressobj(wbits=31)
    try:
        for packed in _read(descriptor):
            while packed:
                if member.eof:
                    packed = packed.lstrip(b"\0")  # they fill up a block
                    member = zlib.decompressobj(wbits=31) if packed else member
                    continue
                if chunk := member.decompress(packed, CHUNK):
                    yield chunk
                packed = member.unused_data if member.eof else member.unconsumed_tail
        if not member.eof and (chunk := member.flush()):
            yield chunk
    except zlib.error:
        raise BadImage("its gzip data is damaged") from None
    if not member.eof:
        raise Truncated


def _decompress(descriptor: int, kind: str) -> Iterator[bytes]:
    new, damaged = _decompressor(kind)
    stream = new()
    try:
        for packed in _read(descriptor):
            while packed or not (stream.eof or stream.needs_input):
                if stream.eof:
                    packed = packed.lstrip(b"\0")  # they fill up a block
                    stream = new() if packed else stream
                    continue
                if chunk := stream.decompress(packed, CHUNK):
                    yield chunk
                packed = stream.unused_data if stream.eof else b""
    except damaged as error:
        if getattr(error, "errno", None):
            raise
        raise BadImage(f"its {kind} data is damaged") from None
    if not stream.eof:
        raise Truncated


def _decompressor(kind: str) -> tuple[Callable[[], Any], type[Exception]]:
    """What makes a decompressor, and what that raises for damaged data; the three modules are alike."""
    if kind == "xz":
        import lzma

        return lambda: lzma.LZMADecompressor(memlimit=XZ_MEMORY), lzma.LZMAError
    if kind == "bzip2":
        import bz2

        return bz2.BZ2Decompressor, OSError
    zstd = _zstd()
    return zstd.ZstdDecompressor, zstd.ZstdError


def _zstd() -> Any:
    """Python's own zstd module (from 3.14 on) or its backport, or None."""
    import importlib

    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ImportError:
            pass
    return None


def _by_program(descriptor: int, command: list[str]) -> Iterator[bytes]:
    try:
        program = subprocess.Popen(command, stdin=descriptor, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        raise HostUnsupported(
            f"Can't decompress {command[0]} data: the program {command[0]} is not here",
            hint=f"install it: sudo apt-get install {command[0]}",
        ) from None
    assert program.stdout is not None
    try:
        yield from _read(program.stdout.fileno())
        if program.wait() != 0:
            raise BadImage(f"its {command[0]} data is damaged, or cut short")
    finally:
        program.kill()
        program.wait()
        program.stdout.close()
