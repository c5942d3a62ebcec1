"""Every compression of images is undone in bounded steps; damage and bombs are noticed."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import subprocess

import pytest

from ecirun.errors import HostUnsupported
from ecirun.image.bad_image import BadImage
from ecirun.image.compression import compression_of, decompressed
from ecirun.image.read_ahead import ReadAhead
from ecirun.image.tar.stream import CHUNK
from ecirun.image.unpack.limits import Limits

TEXT = b"".join(b"%d of many lines\n" % number for number in range(50_000))


def zstd(content: bytes) -> bytes:
    if not shutil.which("zstd"):
        pytest.skip("no zstd here")
    return subprocess.run(["zstd", "-c"], input=content, stdout=subprocess.PIPE, check=True).stdout


COMPRESSORS = {"gzip": gzip.compress, "xz": lzma.compress, "bzip2": bz2.compress, "zstd": zstd, "": bytes}


@pytest.fixture
def chunks(tmp_path):
    """The chunks that a file with some content decompresses to."""

    def read(content: bytes) -> list[bytes]:
        (tmp_path / "file").write_bytes(content)
        descriptor = os.open(tmp_path / "file", os.O_RDONLY)
        try:
            return list(decompressed(descriptor))
        finally:
            os.close(descriptor)

    return read


@pytest.mark.parametrize("kind", COMPRESSORS)
def test_a_file_is_decompressed_in_small_chunks(chunks, kind):
    packed = COMPRESSORS[kind](TEXT)
    read = chunks(packed)
    assert compression_of(packed) == kind
    assert b"".join(read) == TEXT
    assert max(map(len, read)) <= CHUNK


@pytest.mark.parametrize("kind", COMPRESSORS)
def test_a_file_in_several_parts_is_one(chunks, kind):
    packed = COMPRESSORS[kind](TEXT[:1000]) + COMPRESSORS[kind](TEXT[1000:])
    assert b"".join(chunks(packed)) == TEXT


@pytest.mark.parametrize("kind", ["gzip", "xz", "bzip2"])
def test_zeros_that_fill_up_a_block_are_no_damage(chunks, kind):
    assert b"".join(chunks(COMPRESSORS[kind](TEXT) + bytes(600_000))) == TEXT


@pytest.mark.parametrize("kind", ["gzip", "xz", "bzip2"])
def test_a_file_that_is_cut_short_is_refused(chunks, kind):
    with pytest.raises(BadImage) as caught:
        chunks(COMPRESSORS[kind](TEXT)[:-9])
    assert caught.value.reason == "it is cut short"


@pytest.mark.parametrize("kind", ["gzip", "xz", "bzip2"])
def test_a_damaged_file_is_refused(chunks, kind):
    packed = bytearray(COMPRESSORS[kind](TEXT))
    packed[len(packed) // 2 : len(packed) // 2 + 64] = bytes(64)
    with pytest.raises(BadImage) as caught:
        chunks(bytes(packed))
    assert caught.value.reason == f"its {kind} data is damaged"


def test_a_damaged_zstd_file_is_refused(chunks):
    for damaged in (zstd(TEXT)[:-9], zstd(TEXT)[:100] + bytes(900)):
        with pytest.raises(BadImage) as caught:
            chunks(damaged)
        assert caught.value.reason in ("its zstd data is damaged, or cut short", "its zstd data is damaged", "it is cut short")


def test_without_zstd_one_line_says_what_is_missing(chunks, monkeypatch):
    packed = zstd(TEXT)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("ecirun.image.compression._zstd", lambda: None)
    with pytest.raises(HostUnsupported) as caught:
        chunks(packed)
    assert caught.value.message == "Can't decompress zstd data: the program zstd is not here"
    assert caught.value.hint == "install it: sudo apt-get install zstd"


def test_a_bomb_is_read_in_small_chunks(chunks):
    assert max(map(len, chunks(gzip.compress(bytes(100 << 20), 9)))) <= CHUNK


@pytest.mark.parametrize(
    ("packed", "unpacked", "refused"),
    [
        (1 << 10, 64 << 20, False),  # small enough whatever the ratio
        (1 << 10, (64 << 20) + 1, True),
        (1 << 20, 200 << 20, False),
        (1 << 20, (200 << 20) + 1, True),
    ],
)
def test_the_ratio_counts_from_some_size_on(packed, unpacked, refused):
    if not refused:
        Limits().check_ratio(packed, unpacked)
        return
    with pytest.raises(BadImage) as caught:
        Limits().check_ratio(packed, unpacked)
    assert caught.value.reason == "its data unpacks to more than 200 times its size"
    assert caught.value.hint == "raise the limit with --max-ratio, if you trust the image"


def test_reading_ahead_hands_over_what_comes_and_what_goes_wrong():
    def numbers():
        yield from (b"%d" % number for number in range(100))
        raise BadImage("enough")

    seen = []
    with pytest.raises(BadImage, match="enough"), ReadAhead(numbers()) as chunks:
        seen.extend(chunks)
    assert seen == [b"%d" % number for number in range(100)]


def test_reading_ahead_ends_when_nobody_reads_any_more():
    ended = []

    def endless():
        try:
            while True:
                yield b"x"
        finally:
            ended.append(True)

    with ReadAhead(endless()) as chunks:
        next(iter(chunks))
    assert ended == [True]
