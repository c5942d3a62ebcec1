"""The tar reader understands what tar programs write, and refuses what is damaged."""

from __future__ import annotations

import io
import subprocess
import tarfile

import pytest
from archives import directory, file, layer, link, symlink

from ecirun.image.bad_image import BadImage
from ecirun.image.tar.header import number, parse_header
from ecirun.image.tar.reader import TarReader
from ecirun.image.tar.stream import ByteStream, FileStream


def members(archive: bytes, chunk: int = 1000) -> list[tuple]:
    """(name, kind, size, content, link) of every member, read in chunks of a size that fits nothing."""
    reader = TarReader(stream(archive, chunk))
    return [(member.name, member.kind, member.size, b"".join(reader.data()), member.link) for member in reader]


def stream(archive: bytes, chunk: int = 1000) -> ByteStream:
    return ByteStream(iter([archive[at : at + chunk] for at in range(0, len(archive), chunk)]))


def reason(archive: bytes) -> str:
    with pytest.raises(BadImage) as caught:
        members(archive)
    return caught.value.reason


def changed(block: bytes, at: int, value: bytes) -> bytes:
    """A header block with other bytes at a place, and the checksum that goes with them."""
    block = block[:at] + value + block[at + len(value) :]
    block = block[:148] + b" " * 8 + block[156:]
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


ONE_FILE = layer(file("etc/passwd", b"root:x:0:0\n"))
LONG = "d/" * 60 + "n" * 90


@pytest.mark.parametrize("chunk", [1, 511, 512, 513, 10_000])
def test_members_are_read_whatever_the_chunks(chunk):
    archive = layer(directory("etc"), file("etc/passwd", b"root"), symlink("a", "etc"), link("b", "etc/passwd"))
    assert members(archive, chunk) == [
        (b"etc/", b"5", 0, b"", b""),
        (b"etc/passwd", b"0", 4, b"root", b""),
        (b"a", b"2", 0, b"", b"etc"),
        (b"b", b"1", 0, b"", b"etc/passwd"),
    ]


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_are_read_in_both_ways_of_writing_them(format):
    archive = layer(file(LONG, b"x"), symlink("s", LONG), format=format)
    assert [(name, target) for name, _kind, _size, _content, target in members(archive)] == [
        (LONG.encode(), b""),
        (b"s", LONG.encode()),
    ]


def test_a_name_in_two_parts_is_put_together():
    name = "d" * 100 + "/" + "n" * 90
    assert members(layer(file(name), format=tarfile.USTAR_FORMAT))[0][0] == name.encode()


def test_names_are_bytes():
    info = tarfile.TarInfo("caf\udce9\nx")
    assert members(layer((info, b"")))[0][0] == b"caf\xe9\nx"


def test_owners_modes_and_times_are_exact():
    info = tarfile.TarInfo("f")
    info.mode, info.uid, info.gid = 0o4755, 3_000_000_000, 70_000
    info.pax_headers = {"mtime": "1700000000.123456789"}
    (member,) = TarReader(stream(layer((info, b""))))
    assert (member.mode, member.uid, member.gid, member.mtime) == (0o4755, 3_000_000_000, 70_000, 1_700_000_000_123_456_789)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("-1", -1_000_000_000),
        ("-1.5", -1_500_000_000),
        ("0.1234567899", 123_456_789),
        ("1.", 1_000_000_000),
    ],
)
def test_times_before_1970_and_with_many_digits_are_read(text, nanoseconds):
    info = tarfile.TarInfo("f")
    info.pax_headers = {"mtime": text}
    (member,) = TarReader(stream(layer((info, b""))))
    assert member.mtime == nanoseconds


def test_attributes_are_bytes():
    info = tarfile.TarInfo("f")
    info.pax_headers = {"SCHILY.xattr.security.capability": b"\x01\0\0\x02\xff".decode(errors="surrogateescape")}
    (member,) = TarReader(stream(layer((info, b""))))
    assert member.xattrs == {"security.capability": b"\x01\0\0\x02\xff"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"0000644\0", 0o644),
        (b" 000644 ", 0o644),
        (b"644\0junk", 0o644),
        (b"\0\0\0\0\0\0\0\0", 0),
        (b"        ", 0),
        (b"777777777777", 0o777777777777),
        (b"\x80\0\0\0\0\0\0\0\0\0\1\0", 256),
        (b"\xff\xff\xff\xff\xff\xff\xff\xfe", -2),
    ],
)
def test_numbers_are_read_in_all_ways_of_writing_them(field, value):
    assert number(field) == value


@pytest.mark.parametrize("field", [b"0000648\0", b"0o00644\0", b"+000644\0", b"00_0644\0", b"-000644\0", b"abc\0\0\0\0\0"])
def test_what_is_no_number_is_refused(field):
    with pytest.raises(BadImage) as caught:
        number(field)
    assert caught.value.reason == "a header holds a number that is none: it is damaged, or no tar"


def test_a_number_that_no_file_can_have_is_refused():
    with pytest.raises(BadImage) as caught:
        number(b"\x80" + b"\xff" * 11)
    assert caught.value.reason == "a number in a header is out of range"


def test_the_sum_of_signed_bytes_is_taken_too():
    block = layer(file("caf\udce9"), format=tarfile.GNU_FORMAT)[:512]
    signed = sum(byte - 256 if byte > 127 else byte for byte in block[:148] + b" " * 8 + block[156:])
    assert parse_header(block[:148] + b"%06o\0 " % signed + block[156:]).name == b"caf\xe9"


def test_the_size_of_what_has_no_data_is_ignored():
    header = changed(layer(directory("d"))[:512], 124, b"00000001000\0")
    assert [name for name, *_rest in members(header + ONE_FILE)] == [b"d/", b"etc/passwd"]


def test_a_global_header_changes_nothing():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"path": "evil", "uid": "7"}) as tar:
        tar.addfile(tarfile.TarInfo("good"))
    (member,) = TarReader(stream(buffer.getvalue()))
    assert (member.name, member.uid) == (b"good", 0)


def test_an_old_regular_file_with_a_slash_is_a_directory():
    header = changed(layer(file("old/", b""), format=tarfile.USTAR_FORMAT)[:512], 156, b"\0")
    header = changed(header, 0, b"old/\0")
    assert members(header)[0][:2] == (b"old/", b"5")


@pytest.mark.parametrize(
    ("archive", "expected"),
    [
        (ONE_FILE[:100], "it is cut short"),
        (ONE_FILE[:515], "it is cut short"),
        (b"x" * 512, "a header holds a number that is none: it is damaged, or no tar"),
        (b"\1" + ONE_FILE[1:], "a header has the wrong checksum: it is damaged, or no tar"),
        (bytes(512) + ONE_FILE, "data follows a block of zeros: it is damaged"),
        (changed(ONE_FILE[:512], 156, b"M") + ONE_FILE[512:], "it has an entry of unknown type 'M'"),
        (changed(ONE_FILE[:512], 156, b"\xfe") + ONE_FILE[512:], "it has an entry of unknown type '\\xfe'"),
        (changed(ONE_FILE[:512], 124, b"\xff" * 12), "a file in it has a size that no file can have"),
        (
            changed(ONE_FILE[:512], 108, b"\x80\1" + bytes(6)) + ONE_FILE[512:],
            "owner 281474976710656:0 of a file in it is out of range",
        ),
        (
            changed(changed(ONE_FILE[:512], 156, b"x"), 124, b"00010000000\0"),
            "an extended header has 2097152 bytes; at most 1048576 are read",
        ),
    ],
)
def test_what_is_damaged_is_refused(archive, expected):
    assert reason(archive) == expected


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (b"path=x\n", "an extended header has a record without a length: it is damaged"),
        (b"9999999 path=x\n", "an extended header has a broken record: it is damaged"),
        (b"10 path=xy\n", "an extended header has a broken record: it is damaged"),
        (b"0 \n", "an extended header has a broken record: it is damaged"),
        (b"9 pathxy\n", "an extended header has a broken record: it is damaged"),
        (b"13 path=a\0bc\n", "a name in it holds a NUL byte"),
        (b"9 uid=x1\n", "an extended header holds a number that is none: it is damaged"),
        (b"13 mtime=1,5\n", "an extended header holds a number that is none: it is damaged"),
        (b"13 mtime=1.x\n", "an extended header holds a time that is none: it is damaged"),
        (b"11 size=-1\n", "a file in it has a size that no file can have"),
    ],
)
def test_a_broken_extended_header_is_refused(records, expected):
    header = changed(changed(ONE_FILE[:512], 156, b"x"), 124, b"%011o\0" % len(records))
    assert reason(header + records.ljust(512, b"\0") + ONE_FILE) == expected


def test_bytes_behind_the_end_are_left_alone():
    assert len(members(ONE_FILE + b"junk" * 1000)) == 1


def test_an_archive_knows_whether_it_had_its_end_mark():
    for archive, marked in ((ONE_FILE, True), (ONE_FILE[:1024], False)):
        reader = TarReader(stream(archive))
        assert [member.name for member in reader] == [b"etc/passwd"]
        assert reader.ended_with_mark is marked


def test_a_file_on_disk_is_skipped_through(tmp_path):
    archive = layer(file("a", b"a" * 100_000), file("b", b"b" * 10), directory("c"))
    (tmp_path / "t").write_bytes(archive)
    with (tmp_path / "t").open("rb") as source:
        stream = FileStream(source.fileno())
        places = [(member.name, stream.position, member.size) for member in TarReader(stream)]
    assert [(name, archive[at : at + size]) for name, at, size in places] == [
        (b"a", b"a" * 100_000),
        (b"b", b"b" * 10),
        (b"c/", b""),
    ]
    assert [name for name, *_rest in members(archive)] == [name for name, *_rest in places]


SPARSE = ["--format=gnu"], *(["--format=pax", f"--sparse-version={version}"] for version in ("0.0", "0.1", "1.0"))


@pytest.mark.parametrize("how", SPARSE)
def test_sparse_files_are_read_in_all_four_formats(tmp_path, how):
    with (tmp_path / "sparse").open("wb") as sparse:
        for place in range(40):
            sparse.seek(place * 100_000)
            sparse.write(b"%d" % place * 2000)
        sparse.truncate(9_000_000)
    subprocess.run(["tar", "-C", tmp_path, "--sparse", *how, "-cf", tmp_path / "t", "sparse"], check=True)
    reader = TarReader(stream((tmp_path / "t").read_bytes()))
    for member in reader:
        assert (member.name, member.size, member.sparse.size) == (b"sparse", 9_000_000, 9_000_000)
        data = b"".join(reader.data())
        content = bytearray(member.size)
        for offset, length in member.sparse.parts:
            content[offset : offset + length], data = data[:length], data[length:]
        assert content == (tmp_path / "sparse").read_bytes()


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ({"GNU.sparse.size": "9", "GNU.sparse.map": "5,1,4,1"}, "the map of a sparse file in it is out of order"),
        ({"GNU.sparse.size": "9", "GNU.sparse.map": "5,x"}, "the map of a sparse file in it holds a number that is none"),
        ({"GNU.sparse.size": "3", "GNU.sparse.map": "2,2"}, "the map of a sparse file in it does not fit its size"),
        ({"GNU.sparse.size": "9", "GNU.sparse.map": "2"}, "the map of a sparse file in it does not fit its size"),
        ({"GNU.sparse.size": "9", "GNU.sparse.map": "0,5"}, "a sparse file in it has more or less data than its map says"),
    ],
)
def test_a_broken_map_of_a_sparse_file_is_refused(records, expected):
    assert reason(layer(file("s", b"12", pax_headers=records))) == expected
