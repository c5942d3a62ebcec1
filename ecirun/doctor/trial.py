"""Trying a thing in a process of its own, which takes everything that it made with it when it ends."""

from __future__ import annotations

import os
from collections.abc import Callable

from ecirun.linux import mount, process
from ecirun.record import Record


class Trial(Record):
    """How a trial went: what it found, or the errno and the kernel's word for it."""

    found: str = ""
    errno: int = 0

    @property
    def worked(self) -> bool:
        """Whether it did."""
        return self.errno == 0

    @property
    def reason(self) -> str:
        """Why it did not, in the kernel's words."""
        return os.strerror(self.errno)


def attempt(work: Callable[[], str | None], *, namespaces: int = 0) -> Trial:
    """Do `work` in a process with new namespaces of those kinds (CLONE_NEW*); with a new PID namespace, as its PID 1.

    `work` returns what it found and raises OSError when it cannot.
    """
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            _enter(namespaces)
            os.write(write_end, f"0 {work() or ''}".encode())
        except OSError as error:
            os.write(write_end, f"{error.errno} ".encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as answer:
        code, _, found = answer.read().decode(errors="replace").partition(" ")
    os.waitpid(pid, 0)
    return Trial(found, int(code)) if code else Trial(errno=5)  # EIO: it died without a word


def _enter(namespaces: int) -> None:
    if not namespaces:
        return
    process.unshare(namespaces)
    if namespaces & process.CLONE_NEWPID:
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)
            os._exit(0)
    if namespaces & process.CLONE_NEWNS:
        root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        mount.mount_setattr(root, propagation=mount.MS_SLAVE, recursive=True, what="/")
        os.close(root)
