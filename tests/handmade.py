"""A store of images that nobody would publish: made by hand, as the OCI image layout and ecirun's store say."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from running import CHECKOUT

APPLETS = (
    "sh cat chmod chown cp cut echo env grep head hostname id ip kill ln ls mkdir mknod mount mv pwd readlink rm sleep stat"
)
APPLETS += " mkfifo nc sed su touch tr true tty umount unshare wc"
PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n"
GROUP = "root:x:0:\nwheel:x:10:root\nnobody:x:65534:\n"
CONFIG = {"Env": ["PATH=/bin"], "Cmd": ["sh"]}

Change = Callable[[Path], object]


class Images:
    """An image store in a folder of its own, with small images: busybox, `syscalls`, passwd, and what a test changes."""

    def __init__(self, folder: Path) -> None:
        self.store = folder
        self.program = folder / "syscalls"
        self.entries: list[dict[str, Any]] = []
        for name in ("roots", "blobs/sha256"):
            (folder / name).mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def add(self, name: str, change: Change = lambda _root: None, **config: Any) -> str:
        """An image of that name, made the first time; `change` gets the root, `config` what differs in its configuration."""
        if name in self:
            return name
        image = self._blob({"config": {**CONFIG, **config}, "name": name})
        manifest = self._blob({"schemaVersion": 2, "config": image, "layers": []})
        root = self.store / "roots" / manifest["digest"].removeprefix("sha256:")
        self._fill(root)
        change(root)
        entry = {**manifest, "annotations": {"org.opencontainers.image.ref.name": f"docker.io/library/{name}:latest"}}
        self.entries.append(entry)
        (self.store / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": self.entries}))
        return name

    def __contains__(self, name: str) -> bool:
        return any(
            entry["annotations"]["org.opencontainers.image.ref.name"].endswith(f"/{name}:latest") for entry in self.entries
        )

    def _blob(self, document: dict[str, Any]) -> dict[str, Any]:
        content = json.dumps(document).encode()
        value = hashlib.sha256(content).hexdigest()
        (self.store / "blobs" / "sha256" / value).write_bytes(content)
        return {"mediaType": "application/json", "digest": f"sha256:{value}", "size": len(content)}

    def _fill(self, root: Path) -> None:
        for name in ("bin", "dev", "etc", "home", "mnt", "proc", "root", "sys", "tmp"):
            (root / name).mkdir(parents=True)
        (root / "tmp").chmod(0o1777)
        (root / "etc/passwd").write_text(PASSWD)
        (root / "etc/group").write_text(GROUP)
        os.link(self._busybox(), root / "bin/busybox")
        os.link(self._syscalls(), root / "bin/syscalls")
        for name in APPLETS.split():
            (root / "bin" / name).symlink_to("busybox")

    def _busybox(self) -> Path:
        """The program of the busybox image, once on the file system of this store."""
        place = self.store / "busybox"
        if not place.exists():
            shutil.copy(busybox_root() / "bin/busybox", place)
        return place

    def _syscalls(self) -> Path:
        if not self.program.exists():
            source = CHECKOUT / "tests" / "syscalls.c"
            subprocess.run(["gcc", "-static", "-O1", "-o", self.program, source], check=True)
        return self.program


def busybox_root() -> Path:
    """The unpacked root of the store's busybox image."""
    store = Path(os.environ["ECIRUN_STORE"])
    manifests = json.loads((store / "index.json").read_text())["manifests"]
    digest = next(entry["digest"] for entry in manifests if "busybox" in json.dumps(entry.get("annotations", {})))
    return store / "roots" / digest.removeprefix("sha256:")


def link(path: str, target: str) -> Change:
    """Puts a symbolic link where something else was."""

    def change(root: Path) -> None:
        _remove(root / path)
        (root / path).symlink_to(target)

    return change


def file(path: str, content: str = "", mode: int = 0o644) -> Change:
    """Puts a file."""

    def change(root: Path) -> None:
        _remove(root / path)
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
        (root / path).chmod(mode)

    return change


def without(path: str) -> Change:
    """Takes something away."""
    return lambda root: _remove(root / path)


def all_of(*changes: Change) -> Change:
    """Several changes, one after the other."""
    return lambda root: [change(root) for change in changes]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
