"""What a pod makes do with where this host cannot give it all, said at its launch and by `ecirun doctor`."""

from __future__ import annotations

from collections.abc import Sequence

from ecirun.errors import HostUnsupported
from ecirun.linux.credentials import CAP_SYS_PTRACE
from ecirun.plan.model import PodPlan
from ecirun.record import Record


class Makeshift(Record):
    """What the pod has instead, and what to do about it."""

    says: str
    fix: str


_UNMASKED = (
    "run ecirun outside of that user namespace, or start the surrounding container with --security-opt systempaths=unconfined "
    "(podman: --security-opt unmask=ALL)"
)

NO_PROC = Makeshift(
    "pods see this container's /proc: one of their own cannot be mounted, so the processes around them are seen, and sysctls "
    "are only shown",
    _UNMASKED,
)
NO_SYSFS = Makeshift(
    "pods see this container's /sys: one of their own cannot be mounted, so the network interfaces in it are not theirs",
    _UNMASKED,
)
NO_SYSCTLS = Makeshift("sysctls are only shown to pods: /proc/sys cannot be written here", _UNMASKED)


def refuse_to_show_processes(plan: PodPlan) -> None:
    """Raises HostUnsupported for a pod that could do more than see the processes around it."""
    for container in plan.all_containers:
        if int(container.capabilities.bounding.mask, 16) >> CAP_SYS_PTRACE & 1:
            raise HostUnsupported(
                f'Can\'t grant container "{container.name}" CAP_SYS_PTRACE: it would reach the processes '
                "around it, which pods see here",
                hint=NO_PROC.fix,
            )


KINDS = {"cpu": "cpu", "memory": "memory", "pids": "processes"}


def no_limits(controllers: Sequence[str]) -> Makeshift:
    """There is no control group with these controllers that a pod could have."""
    *most, last = (KINDS[controller] for controller in controllers)
    listed = f"{', '.join(most)} and {last}" if most else last
    return Makeshift(
        f"limits of {listed} are not enforced: no control group here keeps them",
        "in docker, add --privileged",
    )
