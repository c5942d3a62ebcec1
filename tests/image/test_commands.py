"""`ecirun image` as a user meets it: help, lists, names, and mistakes."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from archives import directory, docker_archive, file, layer

from ecirun.api.planning import image_facts
from ecirun.cli.image import COMMANDS
from ecirun.image.load import load
from ecirun.image.obtain import obtain_image
from ecirun.image.store import find_image

pytestmark = pytest.mark.usefixtures("root")

ETC = layer(directory("etc"), file("etc/passwd", b"app:x:7:7::/:/bin/sh\n"))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_sub_command_tells_its_exit_codes(image, name):
    result = image(name, "--help")
    assert (result.code, "Exit codes: 0 " in result.stdout, "125" in result.stdout, result.stderr) == (0, True, True, "")


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["image", "lod"], 'Can\'t find command "lod"', "did you mean `ecirun image load`?"),
        (["image", "load"], "Missing argument 'FILE|DIR|-'", "see `ecirun image load --help`"),
        (["image", "rm"], "Missing argument 'REF...'", "see `ecirun image rm --help`"),
        (
            ["image", "ls", "-o", "xml"],
            "Invalid value for '-o' / '--output': 'xml' is not one of 'text', 'json'",
            "see `ecirun image ls --help`",
        ),
        (["image", "ls", "--", "x"], "Can't use what stands after --: `image` takes no command", "leave out --"),
    ],
)
def test_a_mistake_is_told_with_a_way_out(ecirun, arguments, message, hint):
    assert ecirun(*arguments) == (125, "", f"ecirun: error: {message}\n    hint: {hint}\n")


def test_the_list_is_a_table(image, store, tmp_path):
    load(docker_archive(tmp_path / "a.tar", ETC, tags=["app:1", "a.example/longer/name:tag"]), store)
    digest = find_image("app:1", store).digest
    assert image("ls").stdout.splitlines() == [
        "REFERENCE                  DIGEST               CREATED           SIZE",
        f"a.example/longer/name:tag  {digest[:19]}  2024-02-26      0.0 MB",
        f"docker.io/library/app:1    {digest[:19]}  2024-02-26      0.0 MB",
    ]


def test_the_list_as_json(image, store, tmp_path):
    load(docker_archive(tmp_path / "a.tar", ETC), store)
    document = json.loads(image("ls", "-o", "json").stdout)
    (entry,) = document["images"]
    assert (document["schema_version"], entry["reference"], entry["created"], entry["unpacked_size"], entry["source"]) == (
        1,
        "docker.io/library/test:latest",
        "2024-02-26T00:00:00Z",
        21,
        "archive",
    )
    assert os.listdir(entry["rootfs"]) == ["etc"]


def test_an_image_that_cannot_be_read_does_not_hide_the_others(image, store, tmp_path):
    for name in ("good", "bad"):
        load(docker_archive(tmp_path / "a.tar", layer(file(name)), tags=[name]), store)
    digest = find_image("bad", store).digest
    Path(store, "blobs/sha256", digest.removeprefix("sha256:")).unlink()
    result = image("ls")
    assert (result.code, len(result.stdout.splitlines()), result.stderr) == (
        0,
        2,
        f'ecirun: warning: Can\'t read image "docker.io/library/bad:latest" of the store {store}; '
        "run `ecirun image fsck` to see what is wrong\n",
    )
    assert image("inspect", "bad") == (
        125,
        "",
        f'ecirun: error: Can\'t read image "docker.io/library/bad:latest" of the store {store}\n'
        "    hint: run `ecirun image fsck` to see what is wrong\n",
    )


def test_inspect_takes_names_digests_and_their_beginnings(image, store, tmp_path):
    load(docker_archive(tmp_path / "a.tar", ETC), store)
    digest = find_image("test", store).digest
    for wanted in ("test", "docker.io/library/test:latest", digest, digest[7:], digest[7:19], f"test@{digest}"):
        assert json.loads(image("inspect", wanted).stdout)["digest"] == digest


def test_a_tag_names_an_image_too(image, store, tmp_path):
    load(docker_archive(tmp_path / "a.tar", ETC), store)
    load(docker_archive(tmp_path / "b.tar", layer(file("b")), tags=["busybox:1.36"]), store)
    assert image("tag", "test", "busybox:1.36").stdout.split()[0] == "docker.io/library/busybox:1.36"
    assert os.listdir(find_image("busybox:1.36", store).rootfs) == ["etc"]
    assert image("tag", "nosuch", "x").stderr.startswith('ecirun: error: Can\'t find image "nosuch" in the store')


def test_an_eci_public_image_is_found_under_its_original_name(store, tmp_path):
    load(docker_archive(tmp_path / "a.tar", ETC, tags=["nginx:1.14.2"]), store)
    name = "registry-vpc.cn-beijing.aliyuncs.com/eci_open/nginx:1.14.2"
    assert obtain_image(name, None, store).reference == "docker.io/library/nginx:1.14.2"
    assert find_image("registry.cn-beijing.aliyuncs.com/eci_open/nginx:1.15", store) is None


def test_a_root_that_may_not_be_read_is_assumed_and_not_misread(store, tmp_path):
    """As for a user who plans with the store of root."""
    load(docker_archive(tmp_path / "a.tar", ETC), store)
    image = find_image("test", store)
    assert image_facts(image).passwd == "app:x:7:7::/:/bin/sh\n"
    shutil.rmtree(image.rootfs)
    facts = image_facts(image)
    assert (facts.present, facts.readable, facts.passwd, facts.kind_of("/etc")) == (True, False, "", "dir")
