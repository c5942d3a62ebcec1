"""Image references, spelled out as docker does (distribution/reference, ParseNormalizedNamed)."""

from __future__ import annotations


def normalised(reference: str) -> str:
    """`busybox` is docker.io/library/busybox:latest; a reference with a digest keeps it and gets no tag."""
    name, at, digest = reference.partition("@")
    head, _slash, rest = name.partition("/")
    if not rest or not ("." in head or ":" in head or head == "localhost"):
        name = f"docker.io/{name}" if rest else f"docker.io/library/{name}"
    elif head == "index.docker.io":
        name = f"docker.io/{rest}"
    if at:
        return f"{name}@{digest}"
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"
