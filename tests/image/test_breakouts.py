"""Layers that try to get out of their root: the cases of containerd's TestBreakouts, by their names there, and some of umoci.

Each is a lower layer and an upper one. Whatever they try, nothing beside the root changes, and inside is what a container
would see: links lead where they would lead in there.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from archives import directory, docker_archive, file, layer, link, symlink

pytestmark = pytest.mark.usefixtures("root")

ETC = (directory("etc", 0o770), file("/etc/passwd", b"inside"))
OUTSIDE = "etc/outside-by-ecirun-test"


def content(path: Path) -> bytes | str | None:
    """What stands at a path: a file's content, a link's target, "dir", or nothing."""
    if path.is_symlink():
        return os.readlink(path)
    if path.is_dir():
        return "dir"
    return path.read_bytes() if path.exists() else None


BREAKOUTS = {
    "SymlinkAbsolute": (
        [],
        [directory("etc"), symlink("localetc", "/etc"), file("/localetc/unbroken", b"x")],
        {"etc/unbroken": b"x", "localetc": "/etc"},
    ),
    "SymlinkUpAndOut": (
        [],
        [directory("etc"), directory("dummy"), symlink("localetc", "/dummy/../etc"), file("/localetc/unbroken", b"x")],
        {"etc/unbroken": b"x"},
    ),
    "SymlinkMultipleAbsolute": (
        [],
        [
            directory("etc"),
            directory("dummy"),
            symlink("/dummy/etc", "/etc"),
            symlink("localetc", "/dummy/etc"),
            file("/dummy/etc/unbroken", b"x"),
        ],
        {"etc/unbroken": b"x"},
    ),
    "SymlinkMultipleRelative": (
        [],
        [
            directory("etc"),
            directory("dummy"),
            symlink("/dummy/etc", "/etc"),
            symlink("localetc", "./dummy/etc"),
            file("/localetc/unbroken", b"x"),
        ],
        {"etc/unbroken": b"x"},
    ),
    "SymlinkEmptyFile": (
        [],
        [directory("etc"), file("etc/emptied", b"full"), symlink("localetc", "/etc"), file("/localetc/emptied")],
        {"etc/emptied": b""},
    ),
    "HardlinkRelative": (
        [],
        [*ETC, directory("breakouts"), symlink("breakouts/d1", "../../etc"), link("breakouts/mine", "/breakouts/d1/passwd")],
        {"breakouts/mine": b"inside"},
    ),
    "HardlinkDownAndOut": (
        [],
        [
            *ETC,
            directory("breakouts"),
            directory("downandout"),
            symlink("breakouts/d1", "../downandout/../../etc"),
            link("breakouts/mine", "/breakouts/d1/passwd"),
        ],
        {"breakouts/mine": b"inside"},
    ),
    "HardlinkAbsolute": ([], [*ETC, symlink("localetc", "/etc"), link("mine", "/localetc/passwd")], {"mine": b"inside"}),
    "HardlinkRelativeLong": (
        [],
        [*ETC, symlink("localetc", "../../../../../../../etc"), link("mine", "/localetc/passwd")],
        {"mine": b"inside"},
    ),
    "HardlinkRelativeUpAndOut": (
        [],
        [*ETC, directory("upandout"), symlink("localetc", "upandout/../../../etc"), link("mine", "/localetc/passwd")],
        {"mine": b"inside"},
    ),
    "HardlinkDirectRelative": ([], [*ETC, link("mine", "../../../../../etc/passwd")], {"mine": b"inside"}),
    "HardlinkDirectAbsolute": ([], [*ETC, link("mine", "/etc/passwd")], {"mine": b"inside"}),
    "SymlinkParentDirectory": ([], [*ETC, symlink("..", "/etc/"), link("mine", "/etc/passwd")], {"mine": b"inside"}),
    "SymlinkEmptyFilename": ([], [*ETC, symlink("", "/etc/"), link("mine", "/etc/passwd")], {"mine": b"inside"}),
    "SymlinkParentRelative": (
        [],
        [*ETC, symlink("localetc/sub/..", "/etc/"), link("/localetc/mine", "/etc/passwd")],
        {"etc/mine": b"inside", "localetc": "/etc/"},
    ),
    "SymlinkSlashEnded": (
        [],
        [*ETC, directory("localetc/", 0o770), link("/localetc/mine", "/etc/passwd")],
        {"localetc/mine": b"inside"},
    ),
    "SymlinkOverrideDirectory": (
        [*ETC, directory("localetc")],
        [symlink("localetc", "/etc"), link("/localetc/mine", "/etc/passwd")],
        {"etc/mine": b"inside"},
    ),
    "SymlinkOverrideDirectoryRelative": (
        [*ETC, directory("localetc")],
        [symlink("localetc", "../../etc"), link("/localetc/mine", "/etc/passwd")],
        {"etc/mine": b"inside"},
    ),
    "DirectoryOverrideSymlink": (
        [*ETC, symlink("localetc", "/etc")],
        [directory("/localetc/"), link("/localetc/mine", "/etc/passwd")],
        {"localetc": "dir", "localetc/mine": b"inside", "etc/mine": None},
    ),
    "DirectoryOverrideSymlinkAndHardlink": (
        [*ETC, symlink("localetc", "etc"), link("etc/mine", "/etc/passwd")],
        [directory("/localetc/"), file("/localetc/mine", b"different")],
        {"localetc/mine": b"different", "etc/mine": b"inside", "etc/passwd": b"inside"},
    ),
    "WhiteoutSymlink": (
        [*ETC, symlink("localetc", "/etc")],
        [file(".wh.localetc")],
        {"localetc": None, "etc/passwd": b"inside"},
    ),
    "WhiteoutSymlinkPath": (
        [*ETC, file("/etc/whitedout", b"x"), symlink("localetc", "/etc")],
        [file("localetc/.wh.whitedout")],
        {"etc/whitedout": None, "etc/passwd": b"inside", "localetc": "/etc"},
    ),
    "WhiteoutDirectoryName": (
        [*ETC],
        [file(".wh.etc/somefile", b"non-empty")],
        {"etc/passwd": b"inside", ".wh.etc/somefile": b"non-empty"},
    ),
    "WhiteoutDeadSymlinkParent": (
        [*ETC, symlink("localetc", "/dne")],
        [file("localetc/.wh.etc")],
        {"etc/passwd": b"inside", "localetc": "/dne"},
    ),
    "WhiteoutRelativePath": ([*ETC, symlink("localetc", "/dne")], [file("dne/../.wh.etc")], {"etc": None, "localetc": "/dne"}),
    "SymlinkOverridePath": (
        [],
        [
            directory("foo"),
            directory("foo/tmp"),
            file("foo/tmp/breakout", b"1"),
            symlink("foo", "/"),
            file("foo/tmp/breakout", b"2"),
            directory("foo"),
            directory("foo/tmp"),
            file("foo/tmp/breakout", b"3"),
        ],
        {"foo/tmp/breakout": b"3", "tmp/breakout": b"2"},
    ),
    "HardlinkSymlinkBeforeCreateTarget": (
        [],
        [directory("etc"), symlink("mine", "/etc/passwd"), link("mine-too", "mine"), file("/etc/passwd", b"after")],
        {"mine-too": "/etc/passwd", "etc/passwd": b"after"},
    ),
    "HardlinkSymlinkRelative": (
        [],
        [*ETC, symlink("passwdlink", "../../../../../etc/passwd"), link("mine", "/passwdlink")],
        {"mine": "../../../../../etc/passwd", "passwdlink": "../../../../../etc/passwd"},
    ),
    "HardlinkSymlinkAbsolute": (
        [],
        [*ETC, symlink("passwdlink", "/etc/passwd"), link("mine", "/passwdlink")],
        {"mine": "/etc/passwd", "passwdlink": "/etc/passwd"},
    ),
    # umoci, oci/layer/tar_extract_test.go
    "UnpackEntrySanitiseScoping": (
        [],
        [file("../" + OUTSIDE, b"1"), file("/../../x/../y", b"2"), file("a/../../../b", b"3")],
        {OUTSIDE: b"1", "y": b"2", "b": b"3", "a": None, "x": None},
    ),
    "UnpackEntrySymlinkScoping": (
        [],
        [symlink("link", "/./.././.././../"), file("link/file", b"x"), symlink("up", ".."), file("up/file2", b"x")],
        {"file": b"x", "file2": b"x", "link": "/./.././.././../"},
    ),
    # Links to nothing: what they point to is made, inside.
    "DeadSymlinkParent": (
        [],
        [symlink("var/run", "/run"), file("var/run/pid", b"1"), symlink("deep", "no/such/../there"), file("deep/file", b"x")],
        {"run/pid": b"1", "no/there/file": b"x"},
    ),
}


@pytest.mark.parametrize("name", BREAKOUTS)
def test_nothing_gets_out(unpack, tmp_path, name):
    lower, upper, expected = BREAKOUTS[name]
    root = unpack(*([lower] if lower else []), upper)
    assert {path: content(root / path) for path in expected} == expected
    assert not Path("/", OUTSIDE).exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image.tar", "store"]


def test_a_hard_link_shares_its_file(unpack):
    root = unpack([*ETC, link("mine", "../../../../../etc/passwd")])
    assert (root / "mine").samefile(root / "etc/passwd")


def test_a_hard_link_to_a_link_changes_nothing_where_that_points(unpack, tmp_path):
    """HardlinkSymlinkChmod"""
    victim = tmp_path.parent / "perm400"
    victim.write_text("…")
    victim.chmod(0o400)
    pointer = tmp_path.parent / "also-outside"
    pointer.write_text("…")
    info, _content = link("sketchylink", str(pointer))
    info.mode = 0o777
    root = unpack([symlink(str(pointer), str(victim)), (info, b"")])
    assert victim.stat().st_mode & 0o777 == 0o400
    assert content(root / "sketchylink") == str(victim)


def test_what_would_replace_the_root_is_left_out_with_a_warning(ecirun, tmp_path):
    archive = docker_archive(tmp_path / "image.tar", layer(*ETC, symlink("..", "/etc/"), symlink("a/..", "/")))
    result = ecirun("image", "load", "--store", str(tmp_path / "store"), archive)
    assert result.code == 0
    warnings = [line for line in result.stderr.splitlines() if "warning" in line]
    assert warnings == [
        'ecirun: warning: docker.io/library/test:latest: left out what would replace the root itself: ".." and 1 more'
    ]
