"""Where the store of images is, unless somebody says otherwise."""

from __future__ import annotations

import os


def default_store() -> str:
    """$ECIRUN_STORE, or /var/lib/ecirun for root, or a folder of the user's own."""
    if chosen := os.environ.get("ECIRUN_STORE"):
        return chosen
    if os.geteuid() == 0:
        return "/var/lib/ecirun"
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return os.path.join(data, "ecirun")
