"""Of an index, the image that suits this machine best is taken; what is for other machines is refused by name."""

from __future__ import annotations

import pytest

from ecirun.image import platforms
from ecirun.image.bad_image import BadImage
from ecirun.image.documents import Descriptor


@pytest.fixture(params=["amd64"])
def host(request, monkeypatch):
    """This machine is another."""

    def set_host(platform: str) -> None:
        system, architecture, variant = (*platform.split("/"), "")[:3]
        monkeypatch.setattr(platforms, "host_platform", lambda: (system, architecture, variant))

    return set_host


def entries(*names: str) -> list[Descriptor]:
    return [Descriptor("", name, 0, tuple((*name.split("/"), "", "", "")[:3]), {}) for name in names]


@pytest.mark.parametrize(
    ("machine", "there", "chosen"),
    [
        ("linux/amd64", ("linux/arm64/v8", "linux/amd64"), "linux/amd64"),
        ("linux/amd64", ("linux/386", "linux/amd64"), "linux/amd64"),
        ("linux/amd64", ("linux/386", "windows/amd64"), "linux/386"),
        ("linux/amd64", ("linux/arm64", ""), ""),
        ("linux/amd64", ("unknown/unknown", "linux/amd64"), "linux/amd64"),
        ("linux/arm64/v8", ("linux/arm/v7", "linux/arm64/v8"), "linux/arm64/v8"),
        ("linux/arm64/v8", ("linux/arm/v6", "linux/arm/v7"), "linux/arm/v7"),
        ("linux/arm/v7", ("linux/arm/v8", "linux/arm/v5", "linux/arm/v6"), "linux/arm/v6"),
    ],
)
def test_the_best_platform_is_chosen(host, machine, there, chosen):
    host(machine)
    assert platforms.choose(entries(*there), "it").digest == chosen


@pytest.mark.parametrize(
    ("machine", "there", "expected"),
    [
        (
            "linux/amd64",
            ("linux/arm64/v8", "windows/amd64", "unknown/unknown"),
            "it has it for linux/arm64/v8, windows/amd64, and this machine is linux/amd64",
        ),
        ("linux/amd64", (), "it has it for no platform, and this machine is linux/amd64"),
        ("linux/amd64", ("linux/amd64/v3",), "it has it for linux/amd64/v3, and this machine is linux/amd64"),
        ("linux/arm/v6", ("linux/arm/v7",), "it has it for linux/arm/v7, and this machine is linux/arm/v6"),
    ],
)
def test_no_platform_that_suits_says_which_there_are(host, machine, there, expected):
    host(machine)
    with pytest.raises(BadImage) as caught:
        platforms.choose(entries(*there), "it")
    assert caught.value.reason == expected


def test_a_foreign_image_is_refused(host):
    host("linux/amd64")
    platforms.check(("linux", "amd64", ""))
    platforms.check(("", "", ""))
    with pytest.raises(BadImage) as caught:
        platforms.check(("windows", "amd64", ""))
    assert caught.value.reason == "it is for windows/amd64, and this machine is linux/amd64"
