"""Whether this process may launch a plan, said before anything is tried."""

from __future__ import annotations

import os

from ecirun.errors import HostUnsupported
from ecirun.linux import proc
from ecirun.plan.model import PodPlan
from ecirun.policy.capabilities import NAMES, NUMBERS

NEEDED = ("NET_ADMIN", "SETGID", "SETPCAP", "SETUID", "SYS_ADMIN")


def check_root() -> None:
    """Raises HostUnsupported when this process is not root."""
    if os.geteuid() != 0:
        raise HostUnsupported(
            f"Can't run a pod as uid {os.geteuid()}: it needs root",
            hint="run it with sudo, or in a container with --privileged",
        )


def check_host() -> None:
    """Raises HostUnsupported when this process lacks what every launch needs."""
    check_root()
    masks = proc.status_masks()
    missing = [name for name in NEEDED if not masks["CapEff"] >> NUMBERS[name] & 1]
    if missing:
        raise HostUnsupported(
            f"Can't run a pod: this process lacks {_listed(missing)}", hint=f"in docker, add --privileged or {_flags(missing)}"
        )


def check_privileges(plan: PodPlan) -> None:
    """Raises HostUnsupported when this process cannot launch the plan, naming what is missing."""
    check_host()
    masks = proc.status_masks()
    for container in plan.all_containers:
        granted = int(container.capabilities.bounding.mask, 16)
        lacking = granted & ~masks["CapBnd"]
        if lacking:
            names = [NAMES[number] for number in sorted(NAMES) if lacking >> number & 1]
            raise HostUnsupported(
                f"Can't grant container \"{container.name}\" {_listed(names)}: this host's bounding set does not have it",
                hint=f"in docker, add --privileged or {_flags(names)}; or drop it in the spec",
            )


def _listed(names: list[str]) -> str:
    return ", ".join(f"CAP_{name}" for name in names)


def _flags(names: list[str]) -> str:
    return " ".join(f"--cap-add {name}" for name in names)
