"""Which images this machine can run: GOOS and GOARCH names, and the order of preference of containerd's platforms package."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ecirun.image.bad_image import BadImage
from ecirun.image.documents import Descriptor

Platform = tuple[str, str, str]  # os, architecture, variant

# uname -m → GOARCH, variant
MACHINES = {
    "x86_64": ("amd64", ""),
    "aarch64": ("arm64", "v8"),
    "armv8l": ("arm", "v8"),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "i686": ("386", ""),
    "i586": ("386", ""),
    "loongarch64": ("loong64", ""),
}
# The 32-bit programs that a 64-bit kernel runs too.
ALSO_RUNS = {"amd64": "386", "arm64": "arm"}


def host_platform() -> Platform:
    """The platform of this machine."""
    machine = os.uname().machine
    return ("linux", *MACHINES.get(machine, (machine, "")))


def choose(entries: Sequence[Descriptor], what: str) -> Descriptor:
    """The entry of an index for this machine, one that names no platform when there is no other. Raises BadImage."""
    ranked = [(rank, entry) for entry in entries if (rank := _rank(entry.platform)) is not None]
    if not ranked:
        there = sorted({shown(entry.platform) for entry in entries if entry.platform[0] != "unknown"})
        raise BadImage(f"{what} has it for {', '.join(there) or 'no platform'}, and this machine is {shown(host_platform())}")
    return min(ranked, key=lambda pair: pair[0])[1]


def check(platform: Platform) -> None:
    """Raises BadImage for an image that this machine cannot run; one that does not say what it is for may pass."""
    if _rank(platform) is None:
        raise BadImage(f"it is for {shown(platform)}, and this machine is {shown(host_platform())}")


def shown(platform: Platform) -> str:
    """As docker writes it: linux/arm64/v8."""
    return "/".join(part for part in platform if part)


def _rank(platform: Platform) -> int | None:
    """How well it suits this machine, 0 best; None when it does not."""
    system, architecture, variant = platform
    _host_system, host, host_variant = host_platform()
    if not system and not architecture:
        return 30
    if system not in ("", "linux"):
        return None
    if architecture == host:
        return _variant_rank(host_variant, variant)
    if architecture == ALSO_RUNS.get(host):
        rank = _variant_rank("v8" if architecture == "arm" else "", variant)
        return None if rank is None else 10 + rank
    return None


def _variant_rank(host: str, variant: str) -> int | None:
    """The nearest version that is not newer: v8, then v7; an image that says none suits all. amd64/v2 and up may not run."""
    if not variant or variant == host:
        return 0
    wanted, own = variant[1:].partition(".")[0], (host or "v1")[1:]
    if not wanted.isdigit() or int(wanted) > int(own):
        return None
    return int(own) - int(wanted)
