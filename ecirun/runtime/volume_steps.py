"""Making the pod's volumes, in the supervisor."""

from __future__ import annotations

import os
import stat
import time

from ecirun.errors import LaunchFailed
from ecirun.linux import mount, openat2
from ecirun.plan.model import POD_IP, Mount, Volume, VolumeFile
from ecirun.runtime.private_tree import attach
from ecirun.runtime.sandbox_steps import Bench, overlay_on

PAYLOAD = "..data"


class MakeVolume:
    """One volume, attached on the bench, with its files in it and in the hands of its group."""

    name = "volumes"

    def __init__(self, volume: Volume, scratch: str) -> None:
        self.volume = volume
        self.scratch = scratch

    def describe(self) -> str:
        kinds = {
            "directory": "make a folder on the disk for",
            "memory": "make a tmpfs for",
            "files": "write the files of",
            "mapped": f"use {self.volume.path} for",
            "image": f"use the image's root {self.volume.path} for",
            "declared": f"copy {self.volume.sub_path} of the image for" if self.volume.sub_path else "make a tmpfs for",
        }
        return f"{kinds[self.volume.kind]} volume {self.volume.name}"

    def run(self, bench: Bench) -> None:
        volume, path = self.volume, bench.make("volume", self.volume.name)
        if volume.kind == "directory":
            self._make_directory(bench.places[self.scratch], path)
        elif volume.kind in ("mapped", "image"):
            attach(mount.open_tree(bench.places[volume.path], recursive=True), path)
        elif volume.sub_path:
            attach(self._copied(bench), path)
        else:
            options = {"mode": "0755" if volume.kind == "declared" else "0777"}
            if volume.size is not None and volume.kind == "memory":
                options["size"] = str(volume.size)
            attach(mount.new_filesystem("tmpfs", options, mount.MOUNT_ATTR_NODEV), path)
        if volume.kind == "files":
            write_payload(path, volume.files, bench.address)
        if volume.gid is not None and volume.kind != "image":
            self._give(path, volume.gid)

    def _copied(self, bench: Bench) -> int:
        """A throw-away overlay on a directory of the image, which it looks like until somebody writes."""
        root = os.open(bench.places[self.volume.path], os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        lower = -1
        try:
            lower = openat2.open_in_root(root, self.volume.sub_path, os.O_PATH | os.O_DIRECTORY)
            return overlay_on(bench, f"/proc/self/fd/{lower}")
        finally:
            os.close(root)
            if lower >= 0:
                os.close(lower)

    def _make_directory(self, scratch: str, path: str) -> None:
        folder = f"{scratch}/{self.volume.name}"
        os.mkdir(folder)
        os.chmod(folder, 0o777)
        attach(mount.open_tree(folder), path)

    def _give(self, path: str, gid: int) -> None:
        from ecirun.linux import tree

        if self.volume.owned_once and tree.belongs_to_group(path, gid, read_only=self.volume.read_only):
            return
        tree.give_to_group(path, gid, read_only=self.volume.read_only)


def write_payload(path: str, files: tuple[VolumeFile, ...], address: str) -> None:
    """Write files as the kubelet does: in a folder with a time for a name, which `..data` leads to, and links into `..data`."""
    folder = time.strftime("..%Y_%m_%d_%H_%M_%S.", time.gmtime()) + str(time.time_ns() % 10**9)
    os.mkdir(f"{path}/{folder}", 0o755)
    for file in files:
        place = f"{path}/{folder}/{file.path}"
        os.makedirs(os.path.dirname(place), 0o755, exist_ok=True)
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            data = file.content.replace(POD_IP, address).encode(errors="surrogateescape")
            while data:
                data = data[os.write(descriptor, data) :]
            os.fchmod(descriptor, file.mode)
        finally:
            os.close(descriptor)
    os.symlink(folder, f"{path}/{PAYLOAD}")
    for top in dict.fromkeys(file.path.partition("/")[0] for file in files):
        os.symlink(f"{PAYLOAD}/{top}", f"{path}/{top}")


def open_volume(path: str, entry: Mount) -> int:
    """An unattached mount of the volume at `path`, or of the part that is asked for, with the attributes that are asked for.

    Links inside the volume are followed as long as they stay in it, and by the kernel (CVE-2017-1002101, CVE-2021-25741).
    Raises LaunchFailed when the part would lie outside, or cannot be made.
    """
    root = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not entry.sub_path.strip("/"):
            return mount.open_tree(path, recursive=True, add=mount.attributes(entry.options))
        part = _sub_path(root, entry)
        try:
            return mount.open_tree("", dir_fd=part, recursive=True, add=mount.attributes(entry.options))
        finally:
            os.close(part)
    finally:
        os.close(root)


def _sub_path(root: int, entry: Mount) -> int:
    volume = entry.source.partition(":")[2]
    try:
        return _within(root, entry.sub_path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _no_sub_path(volume, "prepare subPath for", error) from None
    try:
        _make_sub_path(root, entry.sub_path)
        return _within(root, entry.sub_path)
    except OSError as error:
        raise _no_sub_path(volume, "create subPath directory for", error) from None


def _within(root: int, path: str) -> int:
    return openat2.openat2(root, path, os.O_PATH, resolve=openat2.RESOLVE_BENEATH | openat2.RESOLVE_NO_MAGICLINKS)


def _make_sub_path(root: int, path: str) -> None:
    """Make the directories that are missing, with the mode and the group of the volume's root (pkg/volume/util/subpath)."""
    status = os.stat(".", dir_fd=root)
    done = "."
    for part in (part for part in path.split("/") if part not in ("", ".")):
        parent = _within(root, done)
        try:
            os.mkdir(part, dir_fd=parent)
            made = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
            os.fchown(made, 0, status.st_gid)
            os.fchmod(made, stat.S_IMODE(status.st_mode))
            os.close(made)
        except FileExistsError:
            pass
        finally:
            os.close(parent)
        done = f"{done}/{part}"


def _no_sub_path(volume: str, what: str, error: OSError) -> LaunchFailed:
    return LaunchFailed(
        f'Can\'t {what} volumeMount "{volume}": {error.strerror}',
        step="mounts",
        hint="name a folder inside the volume, which no link leads out of",
    )
