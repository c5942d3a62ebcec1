"""What a plan must know of images, of the kernel and of what the pod refers to, as data that somebody else looked up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

from ecirun.record import Record


class ImageFacts(Record):
    """An image's config and the parts of its tree that decisions depend on.

    `present` is False for an image that is not in the store, and `readable` where this user may not look into its root; the
    rest then holds what is assumed. `kind_of` tells what stands at a path inside the root: "dir", "file", "other" or None.
    """

    reference: str
    digest: str
    rootfs: str
    present: bool
    user: str = ""
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    working_dir: str = ""
    stop_signal: str = ""
    volumes: tuple[str, ...] = ()
    readable: bool = True
    passwd: str = ""
    group: str = ""
    kind_of: Callable[[str], str | None] = lambda _path: "dir"


class SysctlFact(Record):
    """What the probe saw of one key: in a fresh network and IPC namespace, and in the host's /proc/sys (None: not there)."""

    fresh: Literal["writable", "read-only", "absent"]
    host_value: str | None


SysctlFacts = Mapping[str, SysctlFact]  # by path below /proc/sys; a key that is missing was not probed

# The data of a ConfigMap or Secret, by ("ConfigMap" or "Secret", namespace, name).
Objects = Mapping[tuple[str, str, str], Mapping[str, bytes]]


class Facts(Record):
    """Everything. `claims` are the host's folders that the user maps to claims of volumes, by the claim's name;
    `host_dns` is the host's /etc/resolv.conf; `sysctls` is None when this kernel could not be probed.
    """

    images: Mapping[str, ImageFacts]
    sysctls: SysctlFacts | None
    objects: Objects = MappingProxyType({})
    claims: Mapping[str, str] = MappingProxyType({})
    host_dns: str = ""
