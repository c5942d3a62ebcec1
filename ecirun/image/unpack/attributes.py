"""Extended attributes (xattr(7)) of unpacked files."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from ecirun.image.tar.reader import Member

# security.selinux, security.ima and their like are the host's own business, trusted.* its administrator's (trusted.overlay.*
# would steer the overlay that the root may become a layer of): containerd and umoci leave them out too.
KEPT = ("security.capability", "system.posix_acl_access", "system.posix_acl_default")
KEPT_NAMESPACE = "user."
INHERITED = "system.posix_acl_default"


def kept(name: str) -> bool:
    """Whether an image may have the attribute."""
    return name in KEPT or name.startswith(KEPT_NAMESPACE)


class Attributes:
    """Gives each file the attributes that its member has, and no other. `leave_out` is told what cannot be given."""

    def __init__(self, leave_out: Callable[[str, bytes], None]) -> None:
        self._leave_out = leave_out
        self._inherited = False  # whether a directory may have given a new file an ACL

    def set(self, file: int | str, member: Member, *, new: bool) -> None:
        """Set those of an open file, or of the very thing at a path. Only something new has none yet."""
        if not new or self._inherited:
            self._clear(file)
        if member.xattrs is None:
            return
        for name, value in member.xattrs.items():
            if not kept(name):
                self._leave_out(f"attribute {name}", member.name)
                continue
            try:
                os.setxattr(file, name, value, follow_symlinks=isinstance(file, int))
            except OSError as error:
                # EPERM: user.* of a link or device, or security.* without the privilege; ENOTSUP: not on this file system.
                if error.errno not in (errno.EPERM, errno.ENOTSUP):
                    raise
                self._leave_out(f"attribute {name} ({error.strerror})", member.name)
            self._inherited |= name == INHERITED

    @staticmethod
    def _clear(file: int | str) -> None:
        follow = isinstance(file, int)
        try:
            names = os.listxattr(file, follow_symlinks=follow)
        except OSError as error:
            if error.errno == errno.ENOTSUP:
                return
            raise
        for name in names:
            if kept(name):
                os.removexattr(file, name, follow_symlinks=follow)
