"""`ecirun image load`: a file, folder or stream → images in the store. What it is shows its content, not its name.

* A folder is an OCI layout (`oci-layout`), what skopeo's `dir:` writes (`version`), or a root file system.
* A file or stream may be compressed. Inside is a tar: an OCI archive (`oci-layout`), a docker archive (`manifest.json`), or a
  root file system.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from typing import Any

from ecirun.errors import UsageError
from ecirun.image import docker_archive, oci_layout, skopeo_folder
from ecirun.image.bad_image import BadImage, failing, within
from ecirun.image.compression import compression_of, decompressed
from ecirun.image.draft import Draft, write_all
from ecirun.image.files import FolderFiles, TarFiles
from ecirun.image.install import FoundImage, Workshop, install
from ecirun.image.model import Image
from ecirun.image.naming import name_of_file
from ecirun.image.plain_root import layer_of_folder, layer_of_tar, plain_root
from ecirun.image.progress import SILENT, Progress
from ecirun.image.reference import normalised, parse
from ecirun.image.store import SOURCE
from ecirun.image.tar.stream import CHUNK
from ecirun.image.unpack.limits import DEFAULT_LIMITS, Limits
from ecirun.record import Record

STDIN = "-"


class LoadOptions(Record):
    """`reference` names the image, instead of the name that it has; `config` is how a plain root file system is to be run."""

    reference: str = ""
    config: dict[str, Any] | None = None
    limits: Limits = DEFAULT_LIMITS


AS_IT_IS = LoadOptions()


def load(source: str, store: str, options: LoadOptions = AS_IT_IS, progress: Progress = SILENT) -> list[Image]:
    """Load the images of a file, a folder or standard input (`-`) into the store; each under each of its names.

    Raises UsageError for what is not there and for options that do not fit, ImageBroken for what cannot be loaded.
    """
    what = "standard input" if source == STDIN else source
    descriptor = _open(source)
    try:
        with failing(f"load {what}", store), Draft(store) as draft:
            shop = Workshop(draft, options.limits, progress)
            found = _find(source, descriptor, options, shop)
            names = _names(found, options.reference, what)
            images = []
            for image, own in zip(found, names, strict=True):
                loaded = _install(image, own, len(found), shop)
                images += [loaded._replace(reference=name) for name in own]
            return images
    finally:
        os.close(descriptor)


def _open(source: str) -> int:
    if source == STDIN:
        if os.isatty(0):
            raise UsageError("Can't read standard input: it is a terminal", hint="pipe an archive into ecirun, or name a file")
        return os.dup(0)
    try:
        return os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(
            f"Can't read {source}: {error.strerror}", hint="name a file, a folder, or - for standard input"
        ) from None


def _install(image: FoundImage, names: Sequence[str], count: int, shop: Workshop) -> Image:
    with within(names[0]) if count > 1 else contextlib.nullcontext():
        return install(image._replace(annotations={SOURCE: "archive"}), names, shop)


def _names(found: Sequence[FoundImage], reference: str, what: str) -> list[Sequence[str]]:
    """What each image is to be called."""
    if reference:
        if parse(reference).digest:
            raise UsageError(f'Can\'t name an image "{reference}": its digest is its own', hint="give a name with a tag")
        if len(found) > 1:
            raise UsageError(f'Can\'t name {len(found)} images "{reference}": {what} has more than one', hint="leave out --ref")
        return [[normalised(reference)]]
    if not all(image.names for image in found):
        raise UsageError(f"Can't name the image of {what}: it has no name itself", hint="give it one with --ref NAME")
    return [image.names for image in found]


def _find(source: str, descriptor: int, options: LoadOptions, shop: Workshop) -> list[FoundImage]:
    fallback = "" if source == STDIN else name_of_file(os.path.abspath(source))
    is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
    tar = -1 if is_folder else _uncompressed(descriptor, shop)
    files = FolderFiles(source) if is_folder else TarFiles(tar)
    found = _images_in(files, fallback)
    if not found:
        layer = layer_of_folder(source, shop) if is_folder else layer_of_tar(tar, shop)
        return [plain_root(layer, fallback, options.config or {})]
    if options.config is not None:
        raise UsageError(
            f"Can't use --config for {source}: its images have one", hint="leave it out, or load a root file system"
        )
    return found


def _images_in(files: FolderFiles | TarFiles, fallback: str) -> list[FoundImage]:
    """The images in the files, none when they are a root file system."""
    if files.size("oci-layout") is not None:
        return oci_layout.find_images(files, fallback)
    if skopeo_folder.is_one(files):
        return [skopeo_folder.image_in(files, fallback)]
    if docker_archive.is_one(files):
        if isinstance(files, FolderFiles):
            raise BadImage("it is a docker archive that somebody unpacked; load the archive itself")
        return docker_archive.find_images(files, fallback)
    return []


def _uncompressed(descriptor: int, shop: Workshop) -> int:
    """The file itself, or one in the draft with what it holds: a tar is read here and there, a stream can be read once."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        descriptor = _spool(descriptor, "reading", _read(descriptor), shop)
    if not compression_of(os.pread(descriptor, 8, 0)):
        return descriptor
    return _spool(descriptor, "decompressing", decompressed(descriptor), shop)


def _spool(source: int, title: str, chunks: Iterator[bytes], shop: Workshop) -> int:
    seekable = stat.S_ISREG(os.fstat(source).st_mode)
    size = 0
    file = shop.draft.scratch_file()
    with shop.progress.task(title, os.fstat(source).st_size if seekable else 0) as at:
        for chunk in chunks:
            size += len(chunk)
            position = os.lseek(source, 0, os.SEEK_CUR) if seekable else size
            shop.limits.check(0, size)
            shop.limits.check_ratio(position, size)
            at(position)
            write_all(file, chunk)
    return file


def _read(descriptor: int) -> Iterator[bytes]:
    while chunk := os.read(descriptor, CHUNK):
        yield chunk
