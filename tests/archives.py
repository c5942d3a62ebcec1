"""Archives for tests: layers member by member, good and hostile ones, and the images around them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ecirun.image.platforms import host_platform

Member = tuple[tarfile.TarInfo, bytes]


def file(name: str, content: bytes = b"", mode: int = 0o644, **fields: Any) -> Member:
    """A regular file."""
    return _member(name, tarfile.REGTYPE, content, mode=mode, **fields)


def directory(name: str, mode: int = 0o755, **fields: Any) -> Member:
    """A directory."""
    return _member(name, tarfile.DIRTYPE, mode=mode, **fields)


def symlink(name: str, target: str, **fields: Any) -> Member:
    """A symbolic link at `name` to `target`."""
    return _member(name, tarfile.SYMTYPE, linkname=target, mode=0o777, **fields)


def link(name: str, target: str) -> Member:
    """A hard link at `name` to the file `target`."""
    return _member(name, tarfile.LNKTYPE, linkname=target)


def device(name: str, major: int, minor: int, kind: bytes = tarfile.CHRTYPE, **fields: Any) -> Member:
    """A device node."""
    return _member(name, kind, devmajor=major, devminor=minor, **fields)


def fifo(name: str, **fields: Any) -> Member:
    """A named pipe."""
    return _member(name, tarfile.FIFOTYPE, **fields)


def _member(name: str, kind: bytes, content: bytes = b"", **fields: Any) -> Member:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.size = len(content)
    info.mtime = 1_500_000_000
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def layer(*members: Member, format: int = tarfile.PAX_FORMAT) -> bytes:
    """The members as an uncompressed tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format, encoding="utf-8", errors="surrogateescape") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def sha256(content: bytes) -> str:
    """Its digest as images write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def config_of(layers: Sequence[bytes], run: Mapping[str, Any] | None = None, **fields: Any) -> bytes:
    """The config of an image of this machine's platform that has these layers (uncompressed)."""
    system, architecture, _variant = host_platform()
    document = {
        "os": system,
        "architecture": architecture,
        "created": "2024-02-26T00:00:00Z",
        "config": run or {},
        "rootfs": {"type": "layers", "diff_ids": [sha256(content) for content in layers]},
        **fields,
    }
    return json.dumps(document).encode()


def docker_archive(path: Path, *layers: bytes, tags: Sequence[str] = ("test:latest",), config: bytes | None = None) -> str:
    """What `docker save` writes: one image. Returns the path."""
    config = config if config is not None else config_of(layers)
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = [{"Config": config_name, "RepoTags": list(tags), "Layers": names}]
    members = [file(name, content) for name, content in zip(names, layers, strict=True)]
    path.write_bytes(layer(*members, file(config_name, config), file("manifest.json", json.dumps(manifest).encode())))
    return str(path)


class OciLayout:
    """An OCI image layout in a folder, put together blob by blob."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "blobs/sha256").mkdir(parents=True)
        self.write("oci-layout", {"imageLayoutVersion": "1.0.0"})
        self.entries: list[dict[str, Any]] = []

    def write(self, name: str, document: object) -> None:
        """Write a JSON file."""
        (self.folder / name).write_text(json.dumps(document))

    def blob(self, content: bytes, media_type: str) -> dict[str, Any]:
        """Write a blob; its descriptor."""
        digest = sha256(content)
        self.path(digest).write_bytes(content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def path(self, digest: str) -> Path:
        """Where the blob of that digest is."""
        return self.folder / "blobs/sha256" / digest.partition(":")[2]

    def image(self, *layers: bytes, config: bytes | None = None, compress: bool = True) -> dict[str, Any]:
        """Write an image; the descriptor of its manifest."""
        suffix = "+gzip" if compress else ""
        packed = [gzip.compress(content, 1, mtime=0) if compress else content for content in layers]
        return self.manifest(
            config if config is not None else config_of(layers),
            [self.blob(content, f"application/vnd.oci.image.layer.v1.tar{suffix}") for content in packed],
        )

    def manifest(self, config: bytes, layers: Sequence[Mapping[str, Any]], **fields: Any) -> dict[str, Any]:
        """Write a manifest; its descriptor."""
        media_type = "application/vnd.oci.image.manifest.v1+json"
        document = {
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": self.blob(config, "application/vnd.oci.image.config.v1+json"),
            "layers": list(layers),
            **fields,
        }
        return self.blob(json.dumps(document).encode(), media_type)

    def add(self, entry: Mapping[str, Any], name: str = "", **fields: Any) -> None:
        """Name a manifest in index.json."""
        annotations = {"annotations": {"org.opencontainers.image.ref.name": name}} if name else {}
        self.entries.append({**entry, **annotations, **fields})
        self.write("index.json", {"schemaVersion": 2, "manifests": self.entries})


def oci_layout(folder: Path, *layers: bytes, name: str = "test:latest", config: bytes | None = None) -> OciLayout:
    """A layout of one image."""
    layout = OciLayout(folder)
    layout.add(layout.image(*layers, config=config), name)
    return layout


def tree(root: str | Path) -> dict[str, tuple[Any, ...]]:
    """Everything below a folder: path → type and mode, owner, size, time, device, link target, attributes, hash of content.

    The times of directories are told too; sizes of directories are the file system's business.
    """
    import os
    import stat

    found = {}
    top = os.fsencode(root)
    for folder, directories, files in os.walk(top):
        for path in [folder, *(os.path.join(folder, name) for name in (*files, *directories))]:
            status = os.lstat(path)
            content = target = b""
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as stream:
                    content = hashlib.file_digest(stream, "sha256").digest()
            elif stat.S_ISLNK(status.st_mode):
                target = os.readlink(path)
            xattrs = {
                name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)
            }
            found[os.fsdecode(os.path.relpath(path, top))] = (
                oct(status.st_mode),
                (status.st_uid, status.st_gid),
                0 if stat.S_ISDIR(status.st_mode) else status.st_size,
                status.st_mtime_ns,
                status.st_rdev if not stat.S_ISDIR(status.st_mode) else 0,
                0 if stat.S_ISDIR(status.st_mode) else status.st_nlink,
                target,
                xattrs,
                content,
            )
    return found
