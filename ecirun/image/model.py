"""An image of the store, and its config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class ImageConfig(NamedTuple):
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


class Image(NamedTuple):
    """An image whose root is unpacked. `digest` is the manifest's (sha256:…), `rootfs` the folder, `created` RFC 3339."""

    reference: str
    digest: str
    config: ImageConfig
    rootfs: str
    size: int = 0
    created: str = ""
