"""An image of the store, and its config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecirun.record import Record


class ImageConfig(Record):
    """What an image says about running it (OCI image specification, config.md)."""

    user: str = ""
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    working_dir: str = ""
    stop_signal: str = ""
    volumes: tuple[str, ...] = ()

    @classmethod
    def from_oci(cls, document: Mapping[str, Any]) -> ImageConfig:
        """The part of an OCI image configuration that matters at run time."""
        config = document.get("config") or {}
        return cls(
            user=config.get("User") or "",
            env=tuple(config.get("Env") or ()),
            entrypoint=tuple(config.get("Entrypoint") or ()),
            cmd=tuple(config.get("Cmd") or ()),
            working_dir=config.get("WorkingDir") or "",
            stop_signal=config.get("StopSignal") or "",
            volumes=tuple(config.get("Volumes") or ()),
        )

    def as_oci(self) -> dict[str, Any]:
        """The `config` object of an OCI image configuration; empty entries left out."""
        entries = {
            "User": self.user,
            "Env": list(self.env),
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.cmd),
            "WorkingDir": self.working_dir,
            "StopSignal": self.stop_signal,
            "Volumes": {path: {} for path in self.volumes},
        }
        return {key: value for key, value in entries.items() if value}


class Image(Record):
    """An image of the store: `reference` is the name it was found by, `digest` its manifest's (sha256:…), `rootfs` the folder.

    `created` is RFC 3339. `size` are the bytes of its layers as they are stored, `unpacked_size` those of all files in
    them. `source` is "recipe", "archive" or "registry"; for the last, `registry_digest` is what the name stood for when it was
    pulled. `unpacked_by` is the uid that had not the privilege to keep the files' owners, None when they are right.
    """

    reference: str
    digest: str
    config: ImageConfig
    rootfs: str
    size: int = 0
    created: str = ""
    unpacked_size: int = 0
    source: str = ""
    registry_digest: str = ""
    unpacked_by: int | None = None
