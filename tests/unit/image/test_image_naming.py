"""What an image is called that comes from a file."""

from __future__ import annotations

import pytest

from ecirun.image.bad_image import BadImage
from ecirun.image.naming import name_of_file, name_of_tag


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/tmp/busybox.tar", "busybox"),
        ("My Image_2.tar.gz", "my-image_2"),
        ("./rootfs/", "rootfs"),
        ("app-1.0.oci.tar.zst", "app-1.0"),
        ("..x__y..tar", "x_y"),
        ("é.tar", ""),
        (".tar", ""),
    ],
)
def test_a_file_gives_a_name(path, name):
    assert name_of_file(path) == name


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("latest", "docker.io/library/folder:latest"),
        ("1.0", "docker.io/library/folder:1.0"),
        ("", "docker.io/library/folder:latest"),
        ("busybox:1.30", "docker.io/library/busybox:1.30"),
        ("ghcr.io/a/b", "ghcr.io/a/b:latest"),
    ],
)
def test_the_ref_name_of_a_layout_is_a_reference_or_a_tag(tag, name):
    assert name_of_tag(tag, "folder") == name


def test_without_a_file_there_is_no_name_for_a_tag():
    assert name_of_tag("latest", "") == ""


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("a b", "it names an image 'a b', which is neither an image reference nor a tag"),
        ("../x", "it names an image '../x', which is no image reference"),
        ("A/B:c\x1b[2J", "it names an image 'A/B:c\\x1b[2J', which is no image reference"),
    ],
)
def test_a_name_that_is_none_is_refused(tag, expected):
    with pytest.raises(BadImage) as caught:
        name_of_tag(tag, "folder")
    assert caught.value.reason == expected
