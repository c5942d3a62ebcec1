"""Where the busybox program comes from: Debian's busybox-static, installed or downloaded."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from ecirun.errors import ImageBroken

INSTALLED = ("/bin/busybox", "/usr/bin/busybox")
PACKAGE = "busybox-static"
PT_INTERP = 3  # elf.h: the segment that names a dynamic loader


def static_busybox(work: Path, say: Callable[[str], None]) -> Path:
    """A statically linked busybox: the installed one, or one unpacked below `work`. Raises ImageBroken."""
    for name in INSTALLED:
        if os.path.exists(name) and is_static(Path(name)):
            return Path(name)
    if not shutil.which("apt-get"):
        raise ImageBroken("Can't find a static busybox", hint="install a statically linked busybox as /bin/busybox")
    say(f"apt-get download {PACKAGE}")
    if not _download(work) and not (os.geteuid() == 0 and _run(["apt-get", "-qq", "update"], work) and _download(work)):
        raise ImageBroken(f"Can't download {PACKAGE}: apt-get failed", hint=f"run: sudo apt-get install {PACKAGE}")
    package = next(work.glob(f"{PACKAGE}_*.deb"))
    if not _run(["dpkg-deb", "-x", package.name, "package"], work):
        raise ImageBroken(f"Can't unpack {package.name}: dpkg-deb failed", hint=f"run: sudo apt-get install {PACKAGE}")
    return next(path for path in (work / "package/bin/busybox", work / "package/usr/bin/busybox") if path.exists())


def applets(program: Path) -> list[str]:
    """The names that the busybox answers to."""
    listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    return listed.stdout.split()


def is_static(program: Path) -> bool:
    """Whether an ELF file needs no dynamic loader."""
    head = program.read_bytes()
    if head[:4] != b"\x7fELF":
        return False
    wide, order = head[4] == 2, "little" if head[5] == 1 else "big"
    table, size_at, count_at = (32, 54, 56) if wide else (28, 42, 44)

    def number(at: int, size: int) -> int:
        return int.from_bytes(head[at : at + size], order)  # type: ignore[arg-type]

    start, size, count = number(table, 8 if wide else 4), number(size_at, 2), number(count_at, 2)
    return all(number(start + index * size, 4) != PT_INTERP for index in range(count))


def _download(work: Path) -> bool:
    # apt drops to its own user for downloads when that one may write here, and warns when not; root's own way is enough.
    return _run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", PACKAGE], work)


def _run(command: list[str], work: Path) -> bool:
    done = subprocess.run(command, cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return done.returncode == 0
