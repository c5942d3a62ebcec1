"""References are spelled out as docker spells them, and ECI's public images have the names of their originals too."""

from __future__ import annotations

import pytest

from ecirun.errors import ImageNotFound
from ecirun.image.reference import normalised, spellings

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("given", "spelled_out"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("busybox:1.30", "docker.io/library/busybox:1.30"),
        ("user/app", "docker.io/user/app:latest"),
        ("docker.io/nginx", "docker.io/library/nginx:latest"),
        ("index.docker.io/library/nginx:1", "docker.io/library/nginx:1"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost:5000/a/b:c", "localhost:5000/a/b:c"),
        ("[::1]:5000/a:1", "[::1]:5000/a:1"),
        ("ghcr.io/a/b_c__d--e.f:V1.0_x-y", "ghcr.io/a/b_c__d--e.f:V1.0_x-y"),
        (f"busybox@{DIGEST}", f"docker.io/library/busybox@{DIGEST}"),
        (f"busybox:1.30@{DIGEST}", f"docker.io/library/busybox@{DIGEST}"),
        ("UPPER/app", "UPPER/app:latest"),
    ],
)
def test_a_reference_is_spelled_out(given, spelled_out):
    assert normalised(given) == spelled_out


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("a:", "invalid reference format"),
        ("a b", "invalid reference format"),
        ("a\n", "invalid reference format"),
        ("-a", "invalid reference format"),
        ("a@sha256:12", "invalid reference format"),
        ("a:" + "t" * 129, "invalid reference format"),
        ("a" * 300, "invalid reference format"),
        ("a" * 5000, "invalid reference format"),
        ("é", "invalid reference format"),
        ("Busybox", "invalid reference format: repository name must be lowercase"),
        ("ghcr.io/A/b", "invalid reference format: repository name must be lowercase"),
    ],
)
def test_what_is_no_reference_is_refused(given, reason):
    with pytest.raises(ImageNotFound) as caught:
        normalised(given)
    assert caught.value.message == f'Can\'t parse image reference "{given[:255]}": {reason}'
    assert caught.value.hint == "write it as [REGISTRY/]NAME[:TAG] or [REGISTRY/]NAME@DIGEST"


@pytest.mark.parametrize("host", ["registry.cn-shanghai.aliyuncs.com", "registry-vpc.cn-beijing.aliyuncs.com"])
def test_an_eci_public_image_has_the_name_of_its_original_too(host):
    assert spellings(f"{host}/eci_open/nginx:1.14.2") == (f"{host}/eci_open/nginx:1.14.2", "docker.io/library/nginx:1.14.2")


@pytest.mark.parametrize(
    "reference",
    [
        "registry.cn-shanghai.aliyuncs.com/mine/nginx:1",
        "registry.example.com/eci_open/nginx:1",
        "aliyuncs.com/eci_open/nginx:1",
    ],
)
def test_another_image_has_its_own_name_only(reference):
    assert spellings(reference) == (reference,)
