"""What layers make of a root: types, owners, modes, times, attributes, links, and what upper layers do to lower ones."""

from __future__ import annotations

import os
import stat
import tarfile
from pathlib import Path

import pytest
from archives import device, directory, fifo, file, link, symlink

pytestmark = pytest.mark.usefixtures("root")

TIME = 1_500_000_000


def names(root: Path) -> list[str]:
    """Everything below the root."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_modes_owners_and_times_are_exact(unpack):
    root = unpack(
        [
            directory("d", 0o2775, uid=1000, gid=50),
            file("d/su", b"x", 0o4755, uid=0, gid=0),
            file("d/sg", b"x", 0o2711, uid=7, gid=8),
            file("none", b"x", 0o000, uid=3_000_000_000, gid=65534),
            symlink("l", "d", uid=5, gid=6, mtime=-1),
            fifo("f", mode=0o666),
            directory("tmp", 0o1777),
        ]
    )
    found = {}
    for name in ("d", "d/su", "d/sg", "none", "l", "f", "tmp"):
        status = (root / name).lstat()
        found[name] = (oct(status.st_mode), status.st_uid, status.st_gid, status.st_mtime)
    assert found == {
        "d": (oct(stat.S_IFDIR | 0o2775), 1000, 50, TIME),
        "d/su": (oct(stat.S_IFREG | 0o4755), 0, 0, TIME),
        "d/sg": (oct(stat.S_IFREG | 0o2711), 7, 8, TIME),
        "none": (oct(stat.S_IFREG), 3_000_000_000, 65534, TIME),
        "l": (oct(stat.S_IFLNK | 0o777), 5, 6, -1),
        "f": (oct(stat.S_IFIFO | 0o666), 0, 0, TIME),
        "tmp": (oct(stat.S_IFDIR | 0o1777), 0, 0, TIME),
    }


def test_a_strange_umask_changes_nothing(unpack):
    before = os.umask(0o077)
    try:
        root = unpack([directory("d", 0o777), file("d/f", b"", 0o666), fifo("d/p", mode=0o666), file("made/f")])
    finally:
        os.umask(before)
    assert [(root / name).stat().st_mode & 0o7777 for name in (".", "d", "d/f", "d/p", "made")] == [
        0o755,
        0o777,
        0o666,
        0o666,
        0o755,
    ]


def test_device_nodes_are_made(unpack):
    root = unpack([device("dev/null", 1, 3, mode=0o666), device("dev/sda", 8, 0, tarfile.BLKTYPE, mode=0o600, uid=0, gid=6)])
    for name, kind, number in (("dev/null", stat.S_IFCHR | 0o666, (1, 3)), ("dev/sda", stat.S_IFBLK | 0o600, (8, 0))):
        status = (root / name).lstat()
        assert (status.st_mode, (os.major(status.st_rdev), os.minor(status.st_rdev))) == (kind, number)


def test_what_no_member_describes_is_of_no_age(unpack):
    root = unpack([file("a/b/c")])
    assert [((root / name).stat().st_mtime, (root / name).stat().st_uid) for name in (".", "a", "a/b")] == [(0, 0)] * 3


def test_directories_keep_their_times_whatever_is_done_in_them(unpack):
    lower = [directory("d"), directory("d/e"), *[file(f"d/e/{number}") for number in range(3)], symlink("way", "d/e")]
    upper = [file("d/e/new"), file("way/newer"), file("d/e/.wh.0"), file("d/e/1", b"changed"), directory("other")]
    root = unpack(lower, upper)
    assert [(root / name).stat().st_mtime for name in ("d", "d/e", "other")] == [TIME] * 3
    assert names(root) == ["d", "d/e", "d/e/1", "d/e/2", "d/e/new", "d/e/newer", "other", "way"]


def test_an_upper_layer_gives_a_directory_new_metadata_and_keeps_its_files(unpack):
    root = unpack([directory("d", 0o755), file("d/f")], [directory("d", 0o700, uid=9, mtime=1)])
    status = (root / "d").stat()
    assert (status.st_mode & 0o7777, status.st_uid, status.st_mtime, names(root)) == (0o700, 9, 1, ["d", "d/f"])


@pytest.mark.parametrize("new", [file("x", b"new"), symlink("x", "there"), fifo("x"), link("x", "other"), directory("x")])
@pytest.mark.parametrize("old", [[file("x")], [symlink("x", "other")], [directory("x"), file("x/y")], [fifo("x")]])
def test_whatever_stands_there_is_replaced(unpack, old, new):
    root = unpack([file("other", b"o"), *old], [new])
    assert (
        stat.S_IFMT((root / "x").lstat().st_mode)
        == {
            tarfile.REGTYPE: stat.S_IFREG,
            tarfile.SYMTYPE: stat.S_IFLNK,
            tarfile.FIFOTYPE: stat.S_IFIFO,
            tarfile.LNKTYPE: stat.S_IFREG,
            tarfile.DIRTYPE: stat.S_IFDIR,
        }[new[0].type]
    )
    assert (root / "other").read_bytes() == b"o"
    merged = new[0].type == tarfile.DIRTYPE and old[0][0].type == tarfile.DIRTYPE
    assert ("x/y" in names(root)) == merged


def test_the_last_of_two_members_of_one_name_counts(unpack):
    root = unpack([file("x", b"first", 0o600), file("x", b"second", 0o644), directory("d"), file("d", b"now a file")])
    assert ((root / "x").read_bytes(), (root / "x").stat().st_mode & 0o777, (root / "d").read_bytes()) == (
        b"second",
        0o644,
        b"now a file",
    )


def test_hard_links_are_one_file(unpack):
    root = unpack([file("a", b"x", 0o4755, uid=3), link("b", "a"), link("a", "b"), symlink("s", "a"), link("t", "s")])
    assert (root / "a").stat().st_nlink == 2
    assert ((root / "b").stat().st_mode & 0o7777, (root / "b").stat().st_uid) == (0o4755, 3)
    assert os.readlink(root / "t") == "a"


def test_replacing_one_hard_link_leaves_the_other(unpack):
    root = unpack([file("a", b"old"), link("b", "a")], [file("a", b"new")])
    assert ((root / "a").read_bytes(), (root / "b").read_bytes()) == (b"new", b"old")


class TestWhiteouts:
    LOWER = (directory("d"), file("d/1"), directory("d/e"), file("d/e/2"), file("d/e/3"))

    @pytest.mark.parametrize(
        ("upper", "left"),
        [
            ([file(".wh.d")], []),
            ([file("d/.wh.e")], ["d", "d/1"]),
            ([file("d/.wh.nothing")], ["d", "d/1", "d/e", "d/e/2", "d/e/3"]),
            ([file("no/such/.wh.x")], ["d", "d/1", "d/e", "d/e/2", "d/e/3"]),
            ([file("d/1/.wh.x")], ["d", "d/1", "d/e", "d/e/2", "d/e/3"]),
            ([file("d/.wh..wh..opq")], ["d"]),
            ([file(".wh..wh..opq")], []),
            # What the layer itself brings stays, wherever the whiteout stands.
            ([file(".wh.d"), directory("d"), file("d/new")], ["d", "d/new"]),
            ([directory("d"), file("d/new"), file(".wh.d")], ["d", "d/new"]),
            ([file("d/e/new"), file(".wh.d")], ["d", "d/e", "d/e/new"]),
            ([file("d/.wh..wh..opq"), file("d/e/new")], ["d", "d/e", "d/e/new"]),
            ([file("d/e/new"), file("d/.wh..wh..opq")], ["d", "d/e", "d/e/new"]),
            ([directory("d/e"), file("d/.wh..wh..opq")], ["d", "d/e"]),
            ([file("d/1", b"new"), file("d/.wh.1")], ["d", "d/1", "d/e", "d/e/2", "d/e/3"]),
        ],
    )
    def test_a_whiteout_removes_what_is_lower(self, unpack, upper, left):
        assert names(unpack([*self.LOWER], upper)) == left

    def test_in_the_lowest_layer_there_is_nothing_to_remove(self, unpack):
        assert names(unpack([file("d/1"), file("d/.wh.1"), file("d/.wh..wh..opq")])) == ["d", "d/1"]

    def test_the_directory_keeps_its_time(self, unpack):
        root = unpack([*self.LOWER], [file("d/e/new"), file("d/.wh..wh..opq"), file("d/.wh.1")])
        assert [(root / name).stat().st_mtime for name in ("d", "d/e")] == [TIME, TIME]

    def test_the_files_themselves_are_not_unpacked(self, unpack):
        assert names(unpack([file("a")], [file(".wh.a", b"x"), file(".wh..wh.plnk")])) == []

    def test_a_third_layer_removes_what_the_second_brought(self, unpack):
        assert names(unpack([file("a")], [file("b")], [file(".wh.a"), file(".wh.b"), file("c")])) == ["c"]


CAPABILITY = b"\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"  # cap_net_raw=ep


def attributed(member, **attributes: bytes):
    """The member with attributes; `__` in a name stands for a dot."""
    records = {
        f"SCHILY.xattr.{name.replace('__', '.')}": value.decode(errors="surrogateescape") for name, value in attributes.items()
    }
    member[0].pax_headers = records
    return member


def attributes(path: Path) -> dict[str, bytes]:
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)}


def test_file_capabilities_survive_the_owner_and_the_content(unpack):
    root = unpack([attributed(file("ping", b"x" * 100_000, 0o755, uid=1, gid=1), security__capability=CAPABILITY)])
    assert attributes(root / "ping") == {"security.capability": CAPABILITY}


def test_attributes_of_files_and_directories_are_set(unpack):
    root = unpack([attributed(file("f"), user__a=b"\x00\xff"), attributed(directory("d"), user__b=b"")])
    assert (attributes(root / "f"), attributes(root / "d")) == ({"user.a": b"\x00\xff"}, {"user.b": b""})


def test_a_directory_has_the_attributes_of_its_last_layer_only(unpack):
    root = unpack([attributed(directory("d"), user__a=b"1", user__b=b"1")], [attributed(directory("d"), user__b=b"2")])
    assert attributes(root / "d") == {"user.b": b"2"}


def test_attributes_that_are_the_hosts_are_left_out_with_a_warning(ecirun, tmp_path, store):
    from archives import docker_archive, layer

    members = [
        attributed(file("a"), trusted__overlay__opaque=b"y", security__selinux=b"x"),
        attributed(file("b"), trusted__overlay__opaque=b"y"),
        attributed(symlink("s", "a"), user__x=b"1"),
    ]
    result = ecirun("image", "load", "--store", store, docker_archive(tmp_path / "image.tar", layer(*members)))
    warnings = [line for line in result.stderr.splitlines() if "warning" in line]
    prefix = "ecirun: warning: docker.io/library/test:latest: left out attribute"
    assert (result.code, warnings) == (
        0,
        [
            f'{prefix} trusted.overlay.opaque: "a" and 1 more',
            f'{prefix} security.selinux: "a"',
            f'{prefix} user.x (Operation not permitted): "s"',
        ],
    )
    (root,) = Path(store, "roots").iterdir()
    assert [attributes(root / name) for name in "abs"] == [{}, {}, {}]


def test_an_inherited_acl_does_not_change_a_files_mode(unpack):
    acl = b"\x02\0\0\0" + b"".join(
        tag.to_bytes(2, "little") + permissions.to_bytes(2, "little") + who
        for tag, permissions, who in (
            (1, 7, b"\xff" * 4),
            (4, 5, b"\xff" * 4),
            (8, 7, b"\x07\0\0\0"),
            (16, 7, b"\xff" * 4),
            (32, 0, b"\xff" * 4),
        )
    )
    root = unpack([attributed(directory("d"), system__posix_acl_default=acl), file("d/f", b"", 0o644), directory("d/e", 0o755)])
    assert list(attributes(root / "d")) == ["system.posix_acl_default"]
    assert ((root / "d/f").stat().st_mode & 0o777, attributes(root / "d/f"), attributes(root / "d/e")) == (0o644, {}, {})


def test_sparse_files_stay_sparse(unpack, tmp_path):
    records = {"GNU.sparse.size": str(1 << 30), "GNU.sparse.map": f"{1 << 20},5,{1 << 29},5"}
    root = unpack([file("sparse", b"helloworld", pax_headers=records)])
    with (root / "sparse").open("rb") as sparse:
        found = []
        for offset in (0, 1 << 20, 1 << 29):
            sparse.seek(offset)
            found.append(sparse.read(6))
    assert found == [bytes(6), b"hello\0", b"world\0"]
    assert ((root / "sparse").stat().st_size, (root / "sparse").stat().st_blocks < 1000) == (1 << 30, True)


def test_names_may_be_any_bytes(unpack):
    root = unpack([file("caf\udce9"), file("new\nline"), file("long/" * 40 + "n" * 200)])
    assert b"caf\xe9" in os.listdir(os.fsencode(root))
    assert (root / "new\nline").exists()
    assert (root / ("long/" * 40 + "n" * 200)).exists()
