"""What an image is called that comes from a file: by itself, or after the file."""

from __future__ import annotations

import re

from ecirun.errors import ImageNotFound
from ecirun.image.bad_image import BadImage
from ecirun.image.reference import normalised

SUFFIXES = re.compile(r"(\.(tar|tgz|oci|gz|zst|xz|bz2|docker|img))+$")
TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)


def spelled_out(name: str) -> str:
    """A name that an archive gives, in full. Raises BadImage."""
    try:
        return normalised(name)
    except ImageNotFound:
        raise BadImage(f"it names an image {name!r}, which is no image reference") from None


def name_of_tag(name: str, fallback: str) -> str:
    """What an OCI layout's ref.name stands for: a whole reference, or (umoci and skopeo write it) a tag of the file's name."""
    if "/" in name or ":" in name or "@" in name:
        return spelled_out(name)
    if name and not TAG.fullmatch(name):
        raise BadImage(f"it names an image {name!r}, which is neither an image reference nor a tag")
    return normalised(f"{fallback}:{name or 'latest'}") if fallback else ""


def name_of_file(path: str) -> str:
    """A repository name made of a file's: `My_Image.tar.gz` gives my_image. Empty when it has none in it."""
    base = SUFFIXES.sub("", path.rstrip("/").rpartition("/")[2].lower())
    return re.sub(r"[^a-z0-9]*([._-])[^a-z0-9]*", r"\1", re.sub(r"[^a-z0-9._-]+", "-", base)).strip("._-")
