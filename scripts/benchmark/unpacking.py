"""Unpacking an image: many small files, half of them text, in one layer that is packed with gzip."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import platform
import random
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmark import peers
from benchmark.ground import Ground
from benchmark.launches import INSTALLED
from benchmark.programs import CannotRun, output, timed
from benchmark.rounds import Contestant, take_turns
from benchmark.work import Measured

DIRECTORIES, FILES = 200, 20
MEAN_SIZE = 5200  # bytes of a file
# Memory where there is: a disk's file system is slow at making files for a minute after many were removed.
FOLDER = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def unpack(ground: Ground, rounds: int) -> Measured:
    """From an image layout to a root file system; skopeo, which unpacks nothing, shows what copying and checking alone cost."""
    with tempfile.TemporaryDirectory(prefix="ecirun-bench-", dir=FOLDER) as name:
        folder = Path(name)
        layout = folder / "layout"
        write_layout(layout)
        new = folder / "new"
        load = [*INSTALLED, "image", "load", "--quiet", "--store", str(new), str(layout)]
        contestants = [_fresh("ecirun image load", load, new)]
        absent: dict[str, str] = {}
        for peer, prepare in _PEERS.items():
            try:
                contestants.append(prepare(ground, layout, new))
            except CannotRun as error:
                absent[peer] = str(error)
        times = take_turns(contestants, rounds)
    return Measured("unpack", f"An image of {DIRECTORIES * FILES:,} files unpacked", times, absent)


def _fresh(name: str, argv: list[str], new: Path) -> Contestant:
    """A command that fills a folder; the time to remove it does not count. Raises CannotRun."""

    def once() -> float:
        try:
            return timed(argv)
        finally:
            shutil.rmtree(new, ignore_errors=True)

    output(argv)
    shutil.rmtree(new)
    return Contestant(name, once, slow=True)


def _umoci(_ground: Ground, layout: Path, new: Path) -> Contestant:
    return _fresh("umoci unpack", [peers.installed("umoci"), "unpack", "--image", f"{layout}:x", str(new)], new)


def _skopeo(_ground: Ground, layout: Path, new: Path) -> Contestant:
    argv = [peers.installed("skopeo"), "copy", "--quiet", "--insecure-policy", f"oci:{layout}:x", f"oci:{new}:x"]
    return _fresh("skopeo copy (unpacks nothing)", argv, new)


def _podman(ground: Ground, layout: Path, _new: Path) -> Contestant:
    podman = peers.podman(ground)
    pull = [*podman, "pull", "--quiet", f"oci:{layout}:x"]

    def once() -> float:
        seconds = timed(pull)
        output([*podman, "rmi", "--force", image])
        return seconds

    image = output(pull).strip()
    output([*podman, "rmi", "--force", image])
    return Contestant("podman pull", once, slow=True)


_PEERS: dict[str, Callable[[Ground, Path, Path], Contestant]] = {
    "umoci unpack": _umoci,
    "skopeo copy": _skopeo,
    "podman pull": _podman,
}


def write_layout(folder: Path) -> None:
    """An OCI image layout with one image, `x`, which is the same every time."""
    (folder / "blobs" / "sha256").mkdir(parents=True)
    archive = _layer()
    config = {
        "architecture": _MACHINES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {"Cmd": ["true"]},
        "rootfs": {"type": "layers", "diff_ids": [_digest(archive)]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": _blob(folder, json.dumps(config).encode(), "config.v1+json"),
        "layers": [_blob(folder, gzip.compress(archive, 6, mtime=0), "layer.v1.tar+gzip")],
    }
    entry = _blob(folder, json.dumps(manifest).encode(), "manifest.v1+json")
    entry["annotations"] = {"org.opencontainers.image.ref.name": "x"}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def _blob(folder: Path, content: bytes, kind: str) -> dict[str, object]:
    digest = _digest(content)
    (folder / "blobs" / digest.replace(":", "/")).write_bytes(content)
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest, "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _layer() -> bytes:
    buffer = io.BytesIO()
    with contextlib.closing(tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT)) as archive:
        for path, content in _files():
            member = tarfile.TarInfo(path)
            if content is None:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
            else:
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content or b""))
    return buffer.getvalue()


def _files() -> Iterator[tuple[str, bytes | None]]:
    """Paths and contents; None for a directory."""
    dice = random.Random(1)
    words = [bytes(dice.choices(range(97, 123), k=dice.randint(2, 10))) for _ in range(3000)]
    for directory in range(DIRECTORIES):
        yield f"usr/d{directory}", None
        for number in range(FILES):
            size = int(dice.expovariate(1 / MEAN_SIZE))
            text = dice.random() < 0.5
            yield (
                f"usr/d{directory}/f{number}",
                b" ".join(dice.choices(words, k=size // 6 + 1))[:size] if text else dice.randbytes(size),
            )
