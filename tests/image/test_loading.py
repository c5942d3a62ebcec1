"""What can be loaded, from where, and what it is called."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from archives import OciLayout, config_of, device, directory, docker_archive, file, layer, oci_layout, sha256, symlink, tree
from programs import need, run
from running import PROGRAM
from said import Said

from ecirun.image.load import load
from ecirun.image.obtain import obtain_image

pytestmark = pytest.mark.usefixtures("root")

ETC = layer(directory("etc"), file("etc/name", b"from a layer"))


@pytest.fixture
def inspect(image):
    """What `image inspect` says of an image."""
    return lambda name: json.loads(image("inspect", name).stdout)


def test_a_docker_archive_is_loaded(image, inspect, tmp_path):
    archive = docker_archive(tmp_path / "a.tar", ETC, tags=["app:1", "ghcr.io/me/app"], config=config_of([ETC], {"User": "7"}))
    result = image("load", "-q", archive)
    found = inspect("app:1")
    assert result == (0, f"docker.io/library/app:1 {found['digest']}\nghcr.io/me/app:latest {found['digest']}\n", "")
    assert found["references"] == ["docker.io/library/app:1", "ghcr.io/me/app:latest"]
    assert found["config"]["user"] == "7"
    assert Path(found["rootfs"], "etc/name").read_bytes() == b"from a layer"


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress, bz2.compress], ids=["gzip", "xz", "bzip2"])
def test_a_compressed_archive_is_loaded(image, inspect, tmp_path, compress):
    archive = tmp_path / "a.anything"
    docker_archive(archive, ETC)
    archive.write_bytes(compress(archive.read_bytes()))
    assert image("load", archive).code == 0
    assert Path(inspect("test")["rootfs"], "etc/name").exists()


def test_zstd_is_decompressed_wherever_it_is(image, inspect, tmp_path):
    need("zstd")
    layout = OciLayout(tmp_path / "layout")
    packed = subprocess.run(["zstd", "-c"], input=ETC, stdout=subprocess.PIPE, check=True).stdout
    blob = layout.blob(packed, "application/vnd.oci.image.layer.v1.tar+zstd")
    layout.add(layout.manifest(config_of([ETC]), [blob]), "test:latest")
    run("tar", "-C", layout.folder, "-cf", tmp_path / "a.tar", "--zstd", ".")
    assert image("load", tmp_path / "a.tar").code == 0
    assert Path(inspect("test")["rootfs"], "etc/name").exists()


def test_several_images_of_one_archive_are_loaded(image, tmp_path):
    other = layer(file("other"))
    configs = [config_of([ETC]), config_of([ETC, other])]
    manifest = [
        {"Config": "0.json", "RepoTags": ["one:1"], "Layers": ["a/layer.tar"]},
        {"Config": "1.json", "RepoTags": ["two:1", "two:2"], "Layers": ["shared/layer.tar", "b/layer.tar"]},
    ]
    members = [
        file("a/layer.tar", ETC),
        symlink("shared/layer.tar", "../a/layer.tar"),
        file("b/layer.tar", other),
        *[file(f"{number}.json", config) for number, config in enumerate(configs)],
        file("manifest.json", json.dumps(manifest).encode()),
    ]
    (tmp_path / "a.tar").write_bytes(layer(*members))
    assert image("load", "-q", tmp_path / "a.tar").code == 0
    listed = json.loads(image("ls", "-o", "json").stdout)["images"]
    assert [(entry["reference"], len(os.listdir(entry["rootfs"]))) for entry in listed] == [
        ("docker.io/library/one:1", 1),
        ("docker.io/library/two:1", 2),
        ("docker.io/library/two:2", 2),
    ]


def test_an_oci_layout_is_loaded_and_keeps_its_digest(image, inspect, tmp_path):
    layout = oci_layout(tmp_path / "layout", ETC)
    assert image("load", layout.folder).code == 0
    assert inspect("test")["digest"] == layout.entries[0]["digest"]
    assert inspect("test")["layers"] == [
        {
            "digest": sha256(gzip.compress(ETC, 1, mtime=0)),
            "diff_id": sha256(ETC),
            "size": len(gzip.compress(ETC, 1, mtime=0)),
            "media_type": "application/vnd.oci.image.layer.v1.tar+gzip",
        }
    ]


def test_an_oci_archive_is_loaded(image, inspect, tmp_path):
    layout = oci_layout(tmp_path / "layout", ETC)
    run("tar", "-C", layout.folder, "-czf", tmp_path / "a.tar", ".")
    assert image("load", tmp_path / "a.tar").code == 0
    assert inspect("test")["digest"] == layout.entries[0]["digest"]


@pytest.mark.parametrize(
    ("name", "annotations", "reference"),
    [
        ("latest", {}, "docker.io/library/my-app:latest"),
        ("1.0", {}, "docker.io/library/my-app:1.0"),
        ("", {}, "docker.io/library/my-app:latest"),
        ("quay.io/a/b:c", {}, "quay.io/a/b:c"),
        ("c", {"io.containerd.image.name": "quay.io/a/b:c"}, "quay.io/a/b:c"),
    ],
)
def test_an_oci_layout_names_its_image_or_is_named_after(image, tmp_path, name, annotations, reference):
    layout = OciLayout(tmp_path / "My App")
    annotations = {**({"org.opencontainers.image.ref.name": name} if name else {}), **annotations}
    layout.add(layout.image(ETC), annotations=annotations)
    assert image("load", "-q", layout.folder).stdout.split()[0] == reference


def test_of_an_index_the_image_for_this_machine_is_taken(image, inspect, tmp_path):
    layout = OciLayout(tmp_path / "layout")
    own = json.loads(config_of([]))["architecture"]
    foreign = layout.image(layer(file("foreign")), config=config_of([layer(file("foreign"))], architecture="s390x"))
    entries = [
        {**foreign, "platform": {"os": "linux", "architecture": "s390x"}},
        {**layout.image(ETC), "platform": {"os": "linux", "architecture": own}},
        {**foreign, "platform": {"os": "unknown", "architecture": "unknown"}},
    ]
    media_type = "application/vnd.oci.image.index.v1+json"
    index = json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": entries}).encode()
    layout.add(layout.blob(index, media_type), "many:1")
    assert image("load", layout.folder).code == 0
    assert (inspect("many:1")["digest"], inspect("many:1")["architecture"]) == (entries[1]["digest"], own)


def test_one_image_with_two_names_in_a_layout_is_unpacked_once(image, store, tmp_path):
    layout = OciLayout(tmp_path / "layout")
    entry = layout.image(ETC)
    layout.add(entry, "a:1")
    layout.add(entry, "b:1")
    assert image("load", layout.folder).code == 0
    assert len(os.listdir(f"{store}/roots")) == 1
    assert [line.split()[0] for line in image("ls").stdout.splitlines()[1:]] == [
        "docker.io/library/a:1",
        "docker.io/library/b:1",
    ]


@pytest.fixture
def rootfs(tmp_path):
    """A plain root file system in a folder."""
    root = tmp_path / "my-root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/passwd").write_text("app:x:1000:1000::/home:/bin/sh\n")
    os.link(root / "etc/passwd", root / "etc/passwd-")
    (root / "su").write_bytes(b"x")
    os.chown(root / "su", 1, 2)
    (root / "su").chmod(0o6755)
    os.utime(root / "su", ns=(0, 1_600_000_000_123_456_789))
    os.setxattr(root / "su", "user.a", b"\xff\0")
    os.symlink("etc/passwd", root / "link")
    os.mkfifo(root / "fifo")
    os.mknod(root / "null", 0o20666, os.makedev(1, 3))
    (root / "caf\udce9").write_bytes(b"x")
    return root


CONFIG = [
    "--config",
    "USER 1000",
    "--config",
    "ENV A=b",
    "--config",
    'ENTRYPOINT ["/su"]',
    "--config",
    "CMD x",
    "--config",
    "WORKDIR /etc",
]


@pytest.mark.parametrize("packed", [False, True])
def test_a_root_file_system_is_loaded_as_it_is(image, inspect, rootfs, tmp_path, packed):
    source = rootfs
    if packed:
        source = tmp_path / "packed.tar.gz"
        run("tar", "-C", rootfs, "--xattrs", "--format=posix", "-czf", source, ".")
    assert image("load", source, "--ref", "me/root:1", *CONFIG).code == 0
    found = inspect("me/root:1")
    assert tree(found["rootfs"]) == tree(rootfs)
    assert found["config"] == {
        "user": "1000",
        "env": ["A=b"],
        "entrypoint": ["/su"],
        "cmd": ["/bin/sh", "-c", "x"],
        "working_dir": "/etc",
        "stop_signal": "",
        "volumes": [],
        "labels": {},
    }


def test_a_root_file_system_is_named_after_its_folder(image, rootfs):
    assert image("load", "-q", rootfs).stdout.split()[0] == "docker.io/library/my-root:latest"


def test_the_same_folder_gives_the_same_digest(image, rootfs):
    assert image("load", "-q", rootfs).stdout == image("load", "-q", rootfs).stdout


def test_sockets_are_left_out_with_a_warning(image, rootfs):
    import socket

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(rootfs / "socket"))
    result = image("load", rootfs)
    assert (
        result.code,
        f"ecirun: warning: left out {rootfs}/socket: a socket, or mounted there from elsewhere\n" in result.stderr,
    ) == (
        0,
        True,
    )


def test_a_stream_is_loaded(image, inspect, store, tmp_path):
    archive = docker_archive(tmp_path / "a.tar", ETC)
    for stream in (f"cat {archive}", f"gzip -c {archive}"):
        command = f"{stream} | {' '.join(PROGRAM)} image load -q --store {store} -"
        assert run("sh", "-c", command).split() == ["docker.io/library/test:latest", inspect("test")["digest"]]


def test_a_file_as_standard_input_is_loaded(store, tmp_path):
    archive = docker_archive(tmp_path / "a.tar", ETC)
    with open(archive, "rb") as stdin:
        assert run(*PROGRAM, "image", "load", "-q", "--store", store, "-", stdin=stdin).startswith(
            "docker.io/library/test:latest "
        )


def test_loading_again_replaces_what_had_the_name(image, inspect, tmp_path):
    image("load", docker_archive(tmp_path / "a.tar", ETC, tags=["app", "app:old"]))
    first = inspect("app")["digest"]
    image("load", docker_archive(tmp_path / "b.tar", layer(file("new"))), "--ref", "app")
    assert os.listdir(inspect("app")["rootfs"]) == ["new"]
    assert inspect("app:old")["digest"] == first


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["no/such"], "Can't read no/such: No such file or directory", "name a file, a folder, or - for standard input"),
        (
            ["{two}", "--ref", "x"],
            'Can\'t name 2 images "x": {two} has more than one',
            "leave out --ref",
        ),
        (
            ["{one}", "--ref", "x@sha256:" + "0" * 64],
            f'Can\'t name an image "x@sha256:{"0" * 64}": its digest is its own',
            "give a name with a tag",
        ),
        (
            ["{one}", "--ref", "X"],
            'Can\'t parse image reference "X": invalid reference format: repository name must be lowercase',
            "write it as [REGISTRY/]NAME[:TAG] or [REGISTRY/]NAME@DIGEST",
        ),
        (
            ["{one}", "--config", "USER 1"],
            "Can't use --config for {one}: its images have one",
            "leave it out, or load a root file system",
        ),
        (["{one}", "--max-size", "1K"], 'Can\'t use --max-size "1K": no number of bytes', "write it like 64Gi"),
        (["{empty}"], "Can't load {empty}: the folder is empty", "name the folder of a root file system"),
        (["{above}"], "Can't load {above}: the store lies in it", "name another store with --store"),
        (
            ["{unpacked}"],
            "Can't load {unpacked}: it is a docker archive that somebody unpacked; load the archive itself",
            "get the image again, or ask who made it: it is damaged, or was made to do harm",
        ),
    ],
)
def test_what_does_not_fit_says_so(image, tmp_path, arguments, message, hint):
    docker_archive(tmp_path / "one.tar", ETC)
    layout = OciLayout(tmp_path / "two")
    layout.add(layout.image(ETC), "a:1")
    layout.add(layout.image(layer(file("b"))), "b:1")
    (tmp_path / "empty").mkdir()
    (tmp_path / "unpacked").mkdir()
    (tmp_path / "unpacked/manifest.json").write_text('[{"Config": "../../etc/shadow", "Layers": []}]')
    places = {name: str(tmp_path / name) for name in ("two", "empty", "unpacked")} | {
        "one": str(tmp_path / "one.tar"),
        "above": str(tmp_path),
    }
    result = image("load", *[argument.format(**places) if "{" in argument else argument for argument in arguments])
    assert result == (125, "", f"ecirun: error: {message.format(**places)}\n    hint: {hint}\n")


def test_a_stream_without_a_name_must_be_given_one(ecirun, store):
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cat:
        cat.stdin.write(ETC)
        cat.stdin.close()
        done = subprocess.run(
            [*PROGRAM, "image", "load", "--store", store, "-"], stdin=cat.stdout, capture_output=True, text=True, check=False
        )
    assert (done.returncode, done.stderr.splitlines()[-2:]) == (
        125,
        [
            "ecirun: error: Can't name the image of standard input: it has no name itself",
            "    hint: give it one with --ref NAME",
        ],
    )


def without_privilege(work):
    """What the function returns in a process of uid 65534."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            os.write(write_end, json.dumps(work()).encode())
        except BaseException as error:
            os.write(write_end, json.dumps(repr(error)).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as answer:
        text = answer.read()
    os.waitpid(pid, 0)
    return json.loads(text)


def test_without_privilege_an_image_is_loaded_with_a_warning():
    members = [directory("d", 0o555), file("d/su", b"x", 0o4755), device("d/null", 1, 3)]
    place = Path(tempfile.mkdtemp())
    try:
        os.chown(place, 65534, 65534)
        archive = docker_archive(place / "a.tar", layer(*members))
        os.chmod(archive, 0o644)
        said = Said()

        def work():
            load(archive, str(place / "store"), progress=said)
            return said.warnings

        assert without_privilege(work) == [
            'docker.io/library/test:latest: left out device nodes, which this process may not make: "d/null"',
            "docker.io/library/test:latest: all its files belong to uid 65534, and none is set-uid; "
            "load it as root to keep what it says",
        ]
        (root,) = (place / "store/roots").iterdir()
        assert (root / "d/su").stat().st_mode & 0o7777 == 0o755
        said = Said()
        assert obtain_image("test", None, str(place / "store"), said).unpacked_by == 65534
        assert said.warnings == [
            'image "test" was unpacked without privilege: all its files belong to uid 65534, and none is set-uid; '
            "remove and load it as root"
        ]
    finally:
        shutil.rmtree(place)
