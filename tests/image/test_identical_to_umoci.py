"""An unpacked root is, path by path, what `umoci unpack` makes of the same image."""

from __future__ import annotations

import random
import tarfile
from pathlib import Path

import pytest
from archives import OciLayout, device, directory, fifo, file, layer, link, symlink, tree
from programs import need, run

from ecirun.image.load import load

pytestmark = pytest.mark.usefixtures("root")

CAPABILITY = b"\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"


def with_capability(member):
    member[0].pax_headers = {"SCHILY.xattr.security.capability": CAPABILITY.decode(errors="surrogateescape")}
    return member


def compare(layout: OciLayout, tag: str, tmp_path: Path, store: str) -> int:
    """How many paths are the same; none may differ."""
    need("umoci")
    run("umoci", "unpack", "--image", f"{layout.folder}:{tag}", tmp_path / "bundle")
    (image,) = load(str(layout.folder), store)
    theirs, ours = tree(tmp_path / "bundle/rootfs"), tree(image.rootfs)
    assert {path: ours.get(path) for path in theirs | ours if ours.get(path) != theirs.get(path)} == {}
    return len(ours)


def test_every_kind_of_file_and_every_kind_of_change(tmp_path, store):
    lower = [
        directory("bin"),
        file("bin/sh", b"#!" * 5000, 0o755),
        link("bin/ash", "bin/sh"),
        with_capability(file("bin/ping", b"ping", 0o755)),
        file("bin/su", b"su", 0o4755),
        directory("dev"),
        device("dev/null", 1, 3, mode=0o666),
        device("dev/sda", 8, 0, tarfile.BLKTYPE, mode=0o660, gid=6),
        fifo("dev/initctl", mode=0o600),
        directory("home/user", 0o700, uid=1000, gid=1000),
        directory("home"),
        file("home/user/.profile", b"x", uid=1000, gid=1000),
        symlink("lib", "usr/lib"),
        directory("usr/lib"),
        directory("usr"),
        file("lib/libc.so", b"elf" * 1000),
        symlink("dangling", "/no/such"),
        directory("gone"),
        file("gone/a"),
        directory("opaque"),
        file("opaque/old"),
        directory("opaque/sub"),
        file("opaque/sub/old"),
        directory("tmp", 0o1777),
        file(
            "sparse",
            b"helloworld",
            pax_headers={"GNU.sparse.size": "9000000", "GNU.sparse.numblocks": "2", "GNU.sparse.map": "1000000,5,5000000,5"},
        ),
        file("long/" * 30 + "name", b"x"),
        *[directory("long/" * depth) for depth in range(1, 31)],
        directory("./", 0o755, mtime=5),  # last: umoci does not restore its time when a parent had to be made
    ]
    upper = [
        file(".wh.gone"),
        directory("opaque", 0o711, mtime=77),
        file("opaque/.wh..wh..opq"),
        file("opaque/new", b"new"),
        file("bin/sh", b"changed", 0o700),
        file("lib/libm.so", b"through a link"),
        symlink("home/user/.profile", "/etc/profile"),
        directory("dangling"),
        file("dangling/now", b"a directory"),
        file("usr/lib/.wh.libc.so"),
    ]
    top = [
        link("bin/su2", "bin/su"),
        file("opaque/old", b"again"),
        file("home/.wh.user"),
        directory("home/user"),
        file("home/user/a"),
    ]
    layout = OciLayout(tmp_path / "layout")
    layout.add(layout.image(layer(*lower), layer(*upper), layer(*top, format=tarfile.GNU_FORMAT)), "latest")
    assert compare(layout, "latest", tmp_path, store) > 50


def test_two_thousand_random_changes(tmp_path, store):
    dice = random.Random(11)
    places = [f"{top}/{sub}" for top in "abcd" for sub in "efgh"]
    base = [entry for top in "abcd" for entry in (directory(top), *[directory(f"{top}/{sub}") for sub in "efgh"])]
    layers = [base]
    for _layer in range(6):
        members = []
        for _change in range(300):
            name = f"{dice.choice(places)}/{dice.randrange(40)}"
            kind = dice.randrange(10)
            if kind < 6:
                members.append(
                    file(
                        name,
                        dice.randbytes(dice.randrange(5000)),
                        dice.choice([0o644, 0o755, 0o4711]),
                        mtime=dice.randrange(10**9),
                    )
                )
            elif kind < 7:
                members.append(symlink(name, dice.choice(places), uid=dice.randrange(9)))
            elif kind < 9 and _layer:
                members.append(file(f"{dice.choice(places)}/.wh.{dice.randrange(40)}"))
            elif _layer and dice.randrange(8) == 0:
                members.append(file(f"{dice.choice(places)}/.wh..wh..opq"))
        layers.append(members)
    layout = OciLayout(tmp_path / "layout")
    layout.add(layout.image(*[layer(*members) for members in layers]), "latest")
    assert compare(layout, "latest", tmp_path, store) > 300
