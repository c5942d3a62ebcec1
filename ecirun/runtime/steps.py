"""A launch step: a small object that can say what it does, and do it.

Steps run in two kinds of process: the supervisor's make what the pod shares, a container's make that container. The same
lists are what `--dry-run` prints.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from ecirun.errors import SEE_DOCTOR, SEE_LIMITS, EcirunError, LaunchFailed
from ecirun.record import Record

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Protocol, TypeVar

    Bench = TypeVar("Bench", contravariant=True)
    AnyBench = TypeVar("AnyBench")

    class Step(Protocol[Bench]):
        """One step of a launch. The bench holds what the steps of one process hand to each other."""

        name: str  # a stable word for messages, tests and fault injection

        def describe(self) -> str:
            """One line of prose."""
            ...

        def run(self, bench: Bench, /) -> None:
            """Do it. Raises OSError or EcirunError."""
            ...


class Fault(Record):
    """A fault that a test asks for: what happens in the step of that name ("kill", or the name of an errno)."""

    step: str = ""
    kind: str = ""

    def happen(self) -> None:
        """Die, or fail as a system call would."""
        if self.kind == "kill":
            os._exit(137)  # SIGKILL, but the first process of a PID namespace cannot send itself one
        import errno

        code = getattr(errno, self.kind)
        raise OSError(code, os.strerror(code))


NO_FAULT = Fault()


def run_steps(
    steps: Sequence[Step[AnyBench]], bench: AnyBench, say: Callable[[str], None] | None = None, fault: Fault = NO_FAULT
) -> None:
    """Run the steps in order, each announced to `say`. Raises EcirunError for the one that fails."""
    for step in steps:
        if say:
            say(step.describe())
        try:
            if step.name == fault.step:
                fault.happen()
            step.run(bench)
        except EcirunError:
            raise
        except (OSError, ValueError) as error:
            raise failure(step, error) from None


def failure(step: Step[AnyBench], error: Exception) -> EcirunError:
    """The error of a step as the user shall read it."""
    if isinstance(error, OSError):
        return refused(step.describe(), error, step.name)
    return LaunchFailed(f"Can't {step.describe()}: {type(error).__name__}: {error}", step=step.name)


def refused(doing: str, error: OSError, step: str = "") -> LaunchFailed:
    """The error of a system call without which a launch cannot go on."""
    what = f" ({error.filename})" if error.filename else ""
    return LaunchFailed(f"Can't {doing}: {error.strerror or error}{what}", step=step, hint=_hint(error))


def _hint(error: OSError) -> str:
    import errno

    if error.errno in (errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        return SEE_LIMITS
    host = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENODEV, errno.ENOSPC, errno.EDQUOT, errno.EUSERS)
    return SEE_DOCTOR if error.errno in host else ""
