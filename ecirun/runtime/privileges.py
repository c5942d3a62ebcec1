"""Whether this process may launch a plan, said before anything is tried. `ecirun doctor` says it with the same words."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ecirun.errors import HostUnsupported
from ecirun.linux import proc
from ecirun.plan.model import PodPlan
from ecirun.policy.capabilities import NAMES, NUMBERS

# What every launch needs, and what for.
NEEDED = {
    "CHOWN": "gives volumes to the pod's group",
    "DAC_OVERRIDE": "makes mount points that an image lacks",
    "NET_ADMIN": "sets up a pod's network",
    "SETGID": "gives a container its groups",
    "SETPCAP": "takes the other capabilities from a container",
    "SETUID": "gives a container its user",
    "SYS_ADMIN": "makes namespaces and mounts",
    "SYS_CHROOT": "enters mount namespaces",
}


def check_root() -> None:
    """Raises HostUnsupported when this process is not root."""
    if os.geteuid() != 0:
        raise not_root()


def check_host() -> dict[str, int]:
    """This process's masks, as `proc.status_masks` gives them. Raises HostUnsupported when it lacks what every launch needs."""
    check_root()
    masks = proc.status_masks()
    missing = [name for name in NEEDED if not masks["CapEff"] >> NUMBERS[name] & 1]
    if missing:
        raise lacking(missing)
    return masks


def check_privileges(plan: PodPlan, mask: int) -> None:
    """Raises HostUnsupported when a launcher with the bounding set `mask` cannot launch the plan, naming what is missing."""
    for container in plan.all_containers:
        lacks = int(container.capabilities.bounding.mask, 16) & ~mask
        if lacks:
            raise not_grantable(
                f'container "{container.name}"', [NAMES[number] for number in sorted(NAMES) if lacks >> number & 1]
            )


def not_root() -> HostUnsupported:
    """This user runs no pods."""
    return HostUnsupported(
        f"Can't run a pod as uid {os.geteuid()}: it needs root", hint="run it with sudo, or in a container with --privileged"
    )


def lacking(names: Sequence[str]) -> HostUnsupported:
    """This process lacks capabilities that every launch needs."""
    return HostUnsupported(
        f"Can't run a pod: this process lacks {_listed(names)}", hint=f"in docker, add --privileged or {_flags(names)}"
    )


def not_grantable(container: str, names: Sequence[str]) -> HostUnsupported:
    """This process cannot give a container capabilities that it does not have itself."""
    return HostUnsupported(
        f"Can't grant {container} {_listed(names)}: this host's bounding set does not have it",
        hint=f"in docker, add --privileged or {_flags(names)}; or drop it in the spec",
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"CAP_{name}" for name in names)


def _flags(names: Sequence[str]) -> str:
    return " ".join(f"--cap-add {name}" for name in names)
