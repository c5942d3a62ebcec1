"""How code forges name a file: relative to the folder that is checked out."""

from __future__ import annotations

import os
from urllib.parse import quote


def relative_uri(file: str) -> str:
    """The URI of a file: relative to the working directory, with slashes."""
    path = file
    if os.path.isabs(path):
        inside = os.path.relpath(path)
        path = inside if not inside.startswith("..") else path.lstrip("/")
    return quote(os.path.normpath(path).replace(os.sep, "/"))
