"""Manifests, configs and indexes are checked before anybody trusts a field of them."""

from __future__ import annotations

import json

import pytest

from ecirun.image.bad_image import BadImage
from ecirun.image.documents import Config, Descriptor, Manifest, config_of, index_of, manifest_of, parse

DIGEST = "sha256:" + "0" * 64
CONFIG = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": DIGEST, "size": 2}
LAYER = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": DIGEST, "size": 3}


def manifest(**fields):
    return {"schemaVersion": 2, "config": CONFIG, "layers": [LAYER], **fields}


def image(**fields):
    return {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [DIGEST]}, **fields}


def reason(check, *arguments) -> str:
    with pytest.raises(BadImage) as caught:
        check(*arguments)
    return caught.value.reason


def test_a_manifest_is_read():
    descriptor = Descriptor(LAYER["mediaType"], DIGEST, 3, ("", "", ""), {})
    assert manifest_of(manifest(), "it") == Manifest(
        Descriptor(CONFIG["mediaType"], DIGEST, 2, ("", "", ""), {}), (descriptor,)
    )


def test_a_config_is_read():
    assert config_of(image(variant=None, config=None)) == Config(("linux", "amd64", ""), (DIGEST,))


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ],
)
def test_layers_of_these_types_are_known(media_type):
    assert manifest_of(manifest(layers=[{**LAYER, "mediaType": media_type}]), "it").layers[0].media_type == media_type


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (manifest(schemaVersion=1), "it has schema version 1, of which only 2 is known"),
        (manifest(layers=None), "it lists no layers"),
        (manifest(config=None), "it has a descriptor that is no JSON object"),
        (
            manifest(layers=[{**LAYER, "digest": "sha256:../../etc"}]),
            "it has a digest that is no sha256 digest: 'sha256:../../etc'",
        ),
        (
            manifest(layers=[{**LAYER, "digest": "md5:" + "0" * 32}]),
            f"it has a digest that is no sha256 digest: 'md5:{'0' * 32}'",
        ),
        (manifest(layers=[{**LAYER, "size": -1}]), "it has a descriptor without a size"),
        (manifest(layers=[{**LAYER, "platform": 1}]), "it has a descriptor with fields of a wrong type"),
        (manifest(layers=[LAYER] * 501), "it lists 501 layers; at most 500 are unpacked"),
        (
            manifest(layers=[LAYER, {**LAYER, "mediaType": "application/x-7z"}]),
            "layer 2 has the unknown media type 'application/x-7z'",
        ),
        (
            manifest(config={**CONFIG, "mediaType": "application/vnd.cncf.helm.config.v1+json"}),
            "it is no container image: its config has the media type 'application/vnd.cncf.helm.config.v1+json'",
        ),
    ],
)
def test_a_manifest_that_is_none_is_refused(document, expected):
    assert reason(manifest_of, document, "it") == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (image(rootfs=None), "its config has no rootfs of type layers"),
        (image(rootfs={"type": "bricks"}), "its config has no rootfs of type layers"),
        (image(rootfs={"type": "layers", "diff_ids": "x"}), "its config has a rootfs.diff_ids that is no list of strings"),
        (image(rootfs={"type": "layers", "diff_ids": ["x"]}), "its config has a digest that is no sha256 digest: 'x'"),
        (image(os=7), "its config has a os that is no string"),
        (image(config=[]), "its config.config is no JSON object"),
        (image(config={"User": 7}), "its config has a config.User that is no string"),
        (image(config={"Env": "A=b"}), "its config has a config.Env that is no list of strings"),
        (image(config={"Cmd": ["a", 1]}), "its config has a config.Cmd that is no list of strings"),
        (image(config={"Entrypoint": ["a\0b"]}), "its config has a config.Entrypoint that is no list of strings"),
        (image(config={"Volumes": ["/a"]}), "its config has a config.Volumes that is no JSON object"),
    ],
)
def test_a_config_that_is_none_is_refused(document, expected):
    assert reason(config_of, document) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"{", "it is no JSON"),
        (b"[" * 100_000, "it is no JSON"),
        (b"\xff", "it is no JSON"),
        (b"[]", "it is no JSON object"),
        (b" " * (4 << 20) + b"{}", "it has more than 4194304 bytes"),
    ],
)
def test_what_is_no_document_is_refused(content, expected):
    assert reason(parse, content, "it") == expected


def test_an_index_without_manifests_is_refused():
    assert reason(index_of, parse(json.dumps({"manifests": {}}).encode(), "it"), "it") == "it lists no manifests"
