"""Reading the tables that ecirun brings: TOML files of its own."""

from __future__ import annotations

import contextlib
import marshal
import os
import sys
from typing import Any


def own_table(path: str) -> dict[str, Any]:
    """What the TOML file at `path` says. Raises OSError, or tomllib.TOMLDecodeError.

    As Python does with a module, it keeps what it has read beside the file for as long as that stays as it is: the parser takes
    longer than most of a command does. For files that are trusted as much as the code.
    """
    status = os.stat(path)
    stamp = status.st_mtime_ns, status.st_size
    folder, name = os.path.split(path)
    kept = os.path.join(folder, "__pycache__", f"{name}.{sys.implementation.cache_tag}")
    with contextlib.suppress(OSError, ValueError, EOFError, TypeError), open(kept, "rb") as file:
        found, table = marshal.load(file)  # what is no pair raises one of these
        if found == stamp and isinstance(table, dict):
            return table
    import tomllib

    with open(path, "rb") as file:
        table = tomllib.load(file)
    if not sys.dont_write_bytecode:
        with contextlib.suppress(OSError):
            _keep(kept, marshal.dumps((stamp, table)))
    return table


def _keep(path: str, data: bytes) -> None:
    """Write a file at once or not at all. Raises OSError."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    draft = f"{path}.{os.getpid()}"
    with open(draft, "wb") as file:
        file.write(data)
    os.replace(draft, path)
