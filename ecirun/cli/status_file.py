"""Where `--status-file` goes: one JSON object about how a run ended."""

from __future__ import annotations

import json
import os

from ecirun.errors import UsageError

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Any


class StatusFile:
    """The file, or none. `phase` is how far the run has come: spec, plan, launch, exited."""

    def __init__(self, path: str | None) -> None:
        """Raises UsageError when the file cannot be written, before anything runs whose end it should tell."""
        self.path = path
        self.phase = "spec"
        folder = os.path.dirname(os.path.abspath(path)) if path else ""
        if path is not None and not os.access(folder, os.W_OK):
            reason = "no right to write there" if os.path.isdir(folder) else "its folder does not exist"
            raise UsageError(f"Can't write status file {path}: {reason}", hint="name a file in a folder of yours")

    def write(self, **fields: Any) -> None:
        """Write the object: a reader sees it whole or not at all. It has `exit_code` only when the command really ran."""
        if self.path is None:
            return
        text = json.dumps({"schema_version": 1, **fields}) + "\n"
        try:
            if is_stream(self.path):
                with open(self.path, "a", encoding="utf-8") as stream:
                    stream.write(text)
            else:
                self._replace(os.path.realpath(self.path), text)
        except OSError as error:
            raise UsageError(f"Can't write status file {self.path}: {error.strerror}", hint="name another file") from None

    def _replace(self, path: str, text: str) -> None:
        draft = f"{path}.new-{os.getpid()}"
        with open(draft, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(draft, path)


def is_stream(path: str) -> bool:
    """Whether to write into what is there rather than to replace it: a pipe, a device, or a name such as /dev/stdout.

    Such a name may lead to a plain file, and is a link that nobody but the system may replace.
    """
    path = os.path.abspath(path)
    return path.startswith(("/dev/", "/proc/")) or (os.path.exists(path) and not os.path.isfile(path))
