"""How pods and containers live, as pure decisions.

Rules: Kubernetes pkg/kubelet/container/helpers.go (ShouldContainerBeRestarted), pkg/kubelet/kubelet_pods.go (getPhase),
pkg/kubelet/kuberuntime (back-off: client-go flowcontrol, 10 s to 300 s, forgotten after 10 minutes).
"""

from __future__ import annotations

from collections.abc import Sequence

from ecirun.plan.model import RestartPolicy, Role
from ecirun.record import Record

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

FIRST_BACKOFF = 10.0
LONGEST_BACKOFF = 300.0
BACKOFF_FORGOTTEN = 600.0

Phase: TypeAlias = 'Literal["Pending", "Running", "Succeeded", "Failed"]'


class Backoff:
    """How long a container that ended waits for its next start: the first time not at all, then twice as long each time."""

    def __init__(self) -> None:
        self._next = 0.0

    def after(self, ran_for: float) -> float:
        """Seconds to wait, for a container that ran for so many."""
        if ran_for >= BACKOFF_FORGOTTEN:
            self._next = 0.0
        wait = self._next
        self._next = min(LONGEST_BACKOFF, self._next * 2) if self._next else FIRST_BACKOFF
        return wait


def starts_again(policy: RestartPolicy, role: Role, exit_code: int) -> bool:
    """Whether a container that ended so is started again. An init container that succeeded has done its work."""
    if role == "init" and exit_code == 0:
        return False
    if policy == "Always":
        return True
    return policy == "OnFailure" and exit_code != 0


class Standing(Record):
    """What a phase depends on, for one container.

    `begun` is whether it has run before or runs, or for a sidecar whether it has started; `exit_code` is None while it has
    not ended, or is to start again.
    """

    role: Role
    begun: bool
    exit_code: int | None


def phase_of(containers: Sequence[Standing]) -> Phase:
    """The pod's phase while it is not stopped from outside."""
    inits = [entry for entry in containers if entry.role == "init"]
    if any(entry.exit_code not in (None, 0) for entry in inits):
        return "Failed"
    if any(entry.exit_code is None for entry in inits):
        return "Pending"
    # A pod is Pending until each of its containers has begun; then it runs, also while they wait to start again.
    if any(entry.exit_code is None and not entry.begun for entry in containers if entry.role != "init"):
        return "Pending"
    apps = [entry for entry in containers if entry.role == "app"]
    if any(entry.exit_code is None for entry in apps):
        return "Running"
    return "Succeeded" if all(entry.exit_code == 0 for entry in apps) else "Failed"


def reason_of(exit_code: int, *, out_of_memory: bool) -> str:
    """The reason of a terminated container."""
    if out_of_memory:
        return "OOMKilled"
    return "Completed" if exit_code == 0 else "Error"
