"""A folder → one image layer: a tar whose bytes depend on nothing but the tree."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path


def layer_of(folder: Path) -> bytes:
    """An uncompressed tar of the tree, sorted by name, owned by root, all times 0."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(folder.rglob("*")):
            tar.add(path, arcname=str(path.relative_to(folder)), recursive=False, filter=_plain)
    return buffer.getvalue()


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = 0
    return member
