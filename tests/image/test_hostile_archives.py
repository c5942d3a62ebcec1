"""Hostile and damaged archives: one clear error each, and nothing of them stays."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import subprocess
import tarfile
from pathlib import Path

import pytest
from archives import (
    OciLayout,
    config_of,
    device,
    directory,
    docker_archive,
    file,
    layer,
    link,
    oci_layout,
    sha256,
    symlink,
)
from running import PROGRAM

from ecirun.errors import ImageBroken
from ecirun.image.load import load

pytestmark = pytest.mark.usefixtures("root")

HINT = "get the image again, or ask who made it: it is damaged, or was made to do harm"


@pytest.fixture
def refused(image, store):
    """Loads what must be refused: the message after `Can't load FILE: `, and the hint. Nothing may be left of it."""

    def refuse(source: str | Path, *options: str) -> tuple[str, str]:
        result = image("load", "-q", *options, source)
        assert (result.code, result.stdout) == (125, "")
        assert sorted(path.name for path in Path(store).rglob("*")) == ["blobs", "roots", "sha256", "tmp"]
        first, second, *rest = result.stderr.split("\n")
        assert (rest, first.startswith(f"ecirun: error: Can't load {source}: ")) == ([""], True)
        return first.removeprefix(f"ecirun: error: Can't load {source}: "), second.removeprefix("    hint: ")

    return refuse


ETC = (directory("etc"), file("etc/passwd", b"root"))
LINK_LOOP = (symlink("a", "b"), symlink("b", "a"))


@pytest.mark.parametrize(
    ("upper", "message"),
    [
        ([file(".wh...")], 'member ".wh...": a whiteout of its own directory, or of one above it'),
        ([file("etc/.wh...")], 'member "etc/.wh...": a whiteout of its own directory, or of one above it'),
        ([file(".wh..")], 'member ".wh..": a whiteout of its own directory, or of one above it'),
        ([file("etc/.wh..")], 'member "etc/.wh..": a whiteout of its own directory, or of one above it'),
        ([file("etc/.wh.")], 'member "etc/.wh.": a whiteout of its own directory, or of one above it'),
        ([link("mine", "no/such")], 'member "mine": a hard link to "no/such", which is not there'),
        ([link("mine", "etc/passwd/x")], 'member "mine": a hard link to "etc/passwd/x", which is not there'),
        ([link("mine", "/etc")], 'member "mine": a hard link to "/etc", which is a directory'),
        ([link("mine", "../..")], 'member "mine": a hard link to "../..", which is a directory'),
        ([file("etc/passwd/x")], 'member "etc/passwd/x": what stands above it is no directory'),
        ([directory("etc/passwd/x")], 'member "etc/passwd/x/": what stands above it is no directory'),
        ([*LINK_LOOP, file("a/x")], 'member "a/x": Too many levels of symbolic links'),
        ([symlink("l", "m/../l"), file("l/x")], 'member "l/x": Too many levels of symbolic links'),
        ([symlink("empty", "")], 'member "empty": No such file or directory'),
        ([file("n" * 256)], f'member "{"n" * 200}…": File name too long'),
        ([file("d/" * 3000 + "x")], f'member "{"d/" * 100}…": File name too long'),
        ([file("d/" * 300 + "x")], f'member "{"d/" * 100}…": more than 256 directories below each other'),
        ([device("dev", 1 << 12, 0)], 'member "dev": device number 4096:0 is out of range'),
        ([device("dev", 1, 1 << 20)], 'member "dev": device number 1:1048576 is out of range'),
        ([file("\x1b[2J\n\udcff", uid=1 << 32)], "owner 4294967296:0 of a file in it is out of range"),
        ([link("\x1b[2J\n\udcff", "x")], 'member "\\x1b[2J\\n\\xff": a hard link to "x", which is not there'),
    ],
)
def test_a_hostile_member_is_named(refused, tmp_path, upper, message):
    archive = docker_archive(tmp_path / "image.tar", layer(*ETC), layer(*upper))
    assert refused(archive) == (f"layer 2 of 2: {message}", HINT)


def test_links_cannot_make_a_tree_deeper_than_the_limit(refused, tmp_path):
    deep = "d/" * 200
    archive = docker_archive(tmp_path / "image.tar", layer(directory(deep), symlink("l", deep), file("l/" + deep + "x")))
    message = f'layer 1 of 1: member "{("l/" + deep)[:200]}…": more than 256 directories below each other'
    assert refused(archive) == (message, HINT)


@pytest.mark.parametrize(
    ("options", "members", "message", "option"),
    [
        (("--max-files", "3"), [directory(str(number)) for number in range(4)], "it has more than 3 files", "--max-files"),
        (
            ("--max-size", "1Ki"),
            [file("a", bytes(1000)), file("b", bytes(100))],
            "its files have more than 1024 bytes together",
            "--max-size",
        ),
        (
            (),
            [file("hole", pax_headers={"GNU.sparse.size": str(1 << 40), "GNU.sparse.map": "0,0"})],
            "its files have more than 34359738368 bytes together",
            "--max-size",
        ),
    ],
)
def test_more_than_a_limit_is_refused(refused, tmp_path, options, members, message, option):
    archive = docker_archive(tmp_path / "image.tar", layer(*members))
    hint = f"raise the limit with {option}, if you trust the image"
    assert refused(archive, *options) == (f"layer 1 of 1: {message}", hint)


def bomb(path: Path, content: bytes) -> Path:
    with gzip.open(path, "wb", 9) as stream:
        stream.write(content)
    return path


def test_a_bomb_in_a_layer_is_refused_and_raising_the_limit_lets_it_in(refused, ecirun, tmp_path):
    content = layer(file("zeros", bytes(100 << 20)))
    layout = OciLayout(tmp_path / "layout")
    packed = layout.blob(gzip.compress(content, 9), "application/vnd.oci.image.layer.v1.tar+gzip")
    layout.add(layout.manifest(config_of([content]), [packed]), "bomb:latest")
    hint = "raise the limit with --max-ratio, if you trust the image"
    assert refused(layout.folder) == ('layer 1 of 1: member "zeros": its data unpacks to more than 200 times its size', hint)
    assert ecirun("image", "load", "--store", str(tmp_path / "s"), "--max-ratio", "2000", str(layout.folder)).code == 0


def test_a_bomb_around_an_archive_is_refused(refused, tmp_path):
    archive = bomb(tmp_path / "bomb.tar.gz", layer(file("zeros", bytes(100 << 20))))
    hint = "raise the limit with --max-ratio, if you trust the image"
    assert refused(archive) == ("its data unpacks to more than 200 times its size", hint)


GOOD = layer(*ETC)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is cut short"),
        (b"no tar at all", "it is cut short"),
        (b"no tar at all" * 100, "a header holds a number that is none: it is damaged, or no tar"),
        (GOOD[:700], "it is cut short"),
        (GOOD[:1536], "it is cut short"),  # between two members
        (gzip.compress(GOOD)[:-20], "it is cut short"),
        (b"\x1f\x8b\x08" + bytes(100), "its gzip data is damaged"),
        (layer(file("manifest.json", b"[]")), "its manifest.json lists no image"),
        (layer(file("manifest.json", b'[{"Config": "c"}]')), "it has no c"),
        (layer(file("manifest.json", b'[{"Config": 1}]')), "image 1 of its manifest.json names no config"),
        (
            layer(file("manifest.json", b'[{"Config": "c", "Layers": 1}]')),
            "image 1 of its manifest.json has fields of a wrong type",
        ),
        (layer(file("manifest.json", b'[{"Config": "c"}]'), symlink("c", "c")), "c is a link to links without end"),
        (
            layer(file("manifest.json", b'[{"Config": "c", "Layers": ["l"]}]'), file("c", config_of([GOOD]))),
            "it has no l, which its manifest.json names as a layer",
        ),
        (
            layer(file("manifest.json", b'[{"Config": "c", "RepoTags": ["A B"]}]'), file("c", config_of([]))),
            "it names an image 'A B', which is no image reference",
        ),
        (
            layer(file("repositories", b"{}"), file("1/layer.tar", GOOD)),
            "it has no manifest.json: a docker older than 1.10 saved it",
        ),
        (layer(file("oci-layout", b"{}")), "it has OCI layout version None, of which only 1.0.0 is known"),
        (layer(file("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')), "it has no index.json"),
        (
            layer(file("oci-layout", b'{"imageLayoutVersion": "1.0.0"}'), file("index.json", b'{"manifests": []}')),
            "its index.json names no image",
        ),
    ],
)
def test_a_damaged_archive_says_what_is_wrong(refused, tmp_path, content, message):
    (tmp_path / "image.tar").write_bytes(content)
    assert refused(tmp_path / "image.tar") == (message, HINT)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (config_of([GOOD], os="windows"), "it is for windows/{arch}, and this machine is linux/{arch}"),
        (config_of([GOOD], architecture="s390x"), "it is for linux/s390x, and this machine is linux/{arch}"),
        (config_of([GOOD, GOOD]), "its config counts 2 layers, and it has 1"),
        (config_of([GOOD], {"Env": "A=b"}), "its config has a config.Env that is no list of strings"),
        (b"[]", "its config is no JSON object"),
        (
            config_of([b""]),
            f"layer 1 of 1: its unpacked content has the digest {sha256(GOOD)}, and not {sha256(b'')}",
        ),
    ],
)
def test_a_bad_config_says_what_is_wrong(refused, tmp_path, config, message):
    architecture = json.loads(config_of([]))["architecture"]
    archive = docker_archive(tmp_path / "image.tar", GOOD, config=config)
    assert refused(archive) == (message.format(arch=architecture), HINT)


def test_a_config_under_a_wrong_digest_is_refused(refused, tmp_path):
    wrong, config = "0" * 64, config_of([])
    manifest = json.dumps([{"Config": f"{wrong}.json", "Layers": []}]).encode()
    (tmp_path / "image.tar").write_bytes(layer(file(f"{wrong}.json", config), file("manifest.json", manifest)))
    message = f"its config: its content has the digest {sha256(config)}, and not sha256:{wrong}"
    assert refused(tmp_path / "image.tar") == (message, HINT)


class TestOciLayouts:
    def test_a_damaged_layer_is_refused(self, refused, tmp_path):
        layout = oci_layout(tmp_path / "layout", GOOD)
        digest = sha256(gzip.compress(GOOD, 1, mtime=0))
        layout.path(digest).write_bytes(b"x")
        assert refused(layout.folder) == (f"layer 1 of 1: its content has the digest {sha256(b'x')}, and not {digest}", HINT)

    def test_a_missing_layer_is_refused(self, refused, tmp_path):
        layout = oci_layout(tmp_path / "layout", GOOD)
        digest = sha256(gzip.compress(GOOD, 1, mtime=0))
        layout.path(digest).unlink()
        assert refused(layout.folder) == (f"layer 1 of 1: its blob {digest} is missing", HINT)

    def test_a_damaged_manifest_is_refused(self, refused, tmp_path):
        layout = oci_layout(tmp_path / "layout", GOOD)
        digest = layout.entries[0]["digest"]
        layout.path(digest).write_bytes(b"{}")
        message = f"the manifest {digest}: its content has the digest {sha256(b'{}')}, and not {digest}"
        assert refused(layout.folder) == (message, HINT)

    def test_a_damaged_config_is_refused(self, refused, tmp_path):
        layout = oci_layout(tmp_path / "layout", GOOD)
        digest = sha256(config_of([GOOD]))
        layout.path(digest).unlink()
        assert refused(layout.folder) == (f"its config: its blob {digest} is missing", HINT)

    def test_a_foreign_index_says_what_it_has(self, refused, tmp_path):
        layout = OciLayout(tmp_path / "layout")
        for architecture in ("s390x", "ppc64le"):
            layout.add(layout.image(GOOD), "x:1", platform={"os": "linux", "architecture": architecture})
        architecture = json.loads(config_of([]))["architecture"]
        message = f"index.json has it for linux/ppc64le, linux/s390x, and this machine is linux/{architecture}"
        assert refused(layout.folder) == (message, HINT)

    def test_an_unknown_media_type_is_refused(self, refused, tmp_path):
        layout = OciLayout(tmp_path / "layout")
        layout.add({**layout.image(GOOD), "mediaType": "application/x-strange"}, "x:1")
        assert refused(layout.folder) == ("index.json has an entry of the unknown media type 'application/x-strange'", HINT)

    def test_an_encrypted_layer_is_refused(self, refused, tmp_path):
        layout = OciLayout(tmp_path / "layout")
        packed = layout.blob(GOOD, "application/vnd.oci.image.layer.v1.tar+gzip+encrypted")
        layout.add(layout.manifest(config_of([GOOD]), [packed]), "x:1")
        message = "layer 1 has the unknown media type 'application/vnd.oci.image.layer.v1.tar+gzip+encrypted'"
        assert refused(layout.folder) == (message, HINT)

    def test_indexes_without_end_are_refused(self, refused, tmp_path):
        layout = OciLayout(tmp_path / "layout")
        entry = layout.image(GOOD)
        for _level in range(6):
            index = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
            entry = layout.blob(index, "application/vnd.oci.image.index.v1+json")
        layout.add(entry, "x:1")
        assert refused(layout.folder) == ("its indexes are nested too deep", HINT)

    def test_an_artifact_is_refused(self, refused, tmp_path):
        layout = OciLayout(tmp_path / "layout")
        config = layout.blob(b"{}", "application/vnd.oci.empty.v1+json")
        manifest = json.dumps({"schemaVersion": 2, "config": config, "layers": []}).encode()
        layout.add(layout.blob(manifest, "application/vnd.oci.image.manifest.v1+json"), "x:1")
        message = "it is no container image: its config has the media type 'application/vnd.oci.empty.v1+json'"
        assert refused(layout.folder) == (message, HINT)


def test_random_layers_end_in_an_image_or_in_one_error(tmp_path):
    """Always the same three hundred: no other exception, and nothing outside the store."""
    dice = random.Random(7)
    names = ["etc", "a", "a/b", "../x", "/etc/passwd", "a/../..", ".wh.a", "a/.wh..wh..opq", "l", "l/x", "d/e/f"]
    makers = [
        lambda: file(dice.choice(names), b"x" * dice.randrange(3)),
        lambda: directory(dice.choice(names), dice.choice([0o755, 0o000, 0o4777])),
        lambda: symlink(dice.choice(names), dice.choice([*names, "/", "..", "../..", "/proc/self/root"])),
        lambda: link(dice.choice(names), dice.choice(names)),
        lambda: device(dice.choice(names), 1, 3),
    ]
    outside = (Path("/etc"), Path("/etc/passwd"), Path("/"))
    before = [path.lstat().st_mtime_ns for path in outside]
    ended = {"loaded": 0, "refused": 0}
    for turn in range(300):
        layers = [layer(*[dice.choice(makers)() for _member in range(dice.randrange(1, 5))]) for _layer in range(3)]
        if turn % 3 == 0:
            damaged = bytearray(layers[0])
            damaged[dice.randrange(1024)] ^= 1 << dice.randrange(8)
            layers[0] = bytes(damaged)
        try:
            load(docker_archive(tmp_path / "image.tar", *layers), str(tmp_path / "store"))
            ended["loaded"] += 1
        except ImageBroken:
            ended["refused"] += 1
    assert min(ended.values()) > 50, ended
    assert [path.lstat().st_mtime_ns for path in outside] == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image.tar", "store"]
    assert os.listdir(tmp_path / "store/tmp") == []


def test_a_socket_or_device_is_no_archive(refused, tmp_path):
    assert refused("/dev/null") == ("it is cut short", HINT)


def test_a_huge_layer_takes_no_more_memory_than_a_small_one(tmp_path, store):
    """Peak memory of loading 8 MB and 400 MB is the same but for a little."""
    peaks = []
    for megabytes in (8, 400):
        archive = tmp_path / "big.tar"
        with tarfile.open(archive, "w") as tar:
            for number in range(megabytes // 4):
                info = tarfile.TarInfo(f"f{number}")
                info.size = 4 << 20
                tar.addfile(info, io.BytesIO(bytes(info.size)))
        process = subprocess.Popen([*PROGRAM, "image", "load", "-q", "--store", store, archive], stdout=subprocess.DEVNULL)
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        peaks.append(usage.ru_maxrss)
    assert peaks[1] < peaks[0] + 8192, peaks  # KiB
