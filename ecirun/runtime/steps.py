"""A launch step: a small object that can say what it does, and do it.

The pod's steps run in the supervisor, a container's steps in its child. `--dry-run` prints the same list that a launch runs.
"""

from __future__ import annotations

import os
from typing import Protocol

from ecirun.errors import EcirunError, LaunchFailed


class Bench:
    """What the steps of one pod or container share: the private work mount, and descriptors that later steps need.

    `path` is a tmpfs that exists only in the supervisor's mount namespace and its children's. `root` is the container's
    root mount.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.root = -1
        self.program = ""
        self.terminal = -1

    def at(self, *parts: str) -> str:
        """A path on the bench."""
        return os.path.join(self.path, *parts)


class Step(Protocol):
    """One step of a launch."""

    @property
    def name(self) -> str:
        """A stable word for messages, tests and fault injection."""
        ...

    def describe(self) -> str:
        """One line of prose."""
        ...

    def run(self, bench: Bench) -> None:
        """Do it. Raises OSError or EcirunError."""
        ...


def failure(step: Step, error: Exception) -> EcirunError:
    """The error of a step as the user shall read it."""
    if isinstance(error, EcirunError):
        return error
    if isinstance(error, OSError):
        what = f" ({error.filename})" if error.filename else ""
        return LaunchFailed(f"Can't {step.describe()}: {error.strerror}{what}", step=step.name, hint=_hint(error))
    return LaunchFailed(f"Can't {step.describe()}: {type(error).__name__}: {error}", step=step.name)


def _hint(error: OSError) -> str:
    import errno

    if error.errno == errno.EPERM:
        return "run ecirun as root with CAP_SYS_ADMIN; in a container, start that one with --privileged"
    if error.errno == errno.ENOSYS:
        return "use Linux 5.12 or newer"
    return ""
