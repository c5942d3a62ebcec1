"""Every exception of ecirun, each with the exit code of the command that meets it.

    EcirunError                 125  ecirun itself failed, and nothing ran
    ├── UsageError              125  wrong options or arguments (`check`: 2)
    ├── SpecUnreadable          125  the input is no YAML document that could be judged (`check`: 2)
    │   └── NoPod               125  it is one, and there is no pod in it (`check`: 2)
    ├── PodRefused              125  the spec or ECI's policy refuses the pod
    ├── PolicyUnreadable        125  a policy file that does not say what a policy must say
    ├── ImageNotFound           125  the image is not in the store
    ├── ImageBroken             125  the store or an image in it cannot be used
    ├── HostUnsupported         125  this host lacks a privilege or a kernel feature
    ├── ReferenceMissing        125  the pod refers to something that is not there
    ├── LaunchFailed            125  a step of the launch failed
    ├── PodNameTaken            125  a pod of that name is already there
    ├── PodNotFound             125  no pod of that name is there
    ├── NotRunning              125  the pod or container does not run
    ├── CommandNotExecutable    126  the command is there and cannot run
    └── CommandNotFound         127  the command is not there

Only `ecirun.cli` turns an exception into an exit code.
"""

from __future__ import annotations

from collections.abc import Sequence

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Any

# The hint of an error that may come of this host: whoever shows it to a user may ask the doctor for a better one.
SEE_DOCTOR = "see what this host lacks: ecirun doctor"
SEE_LIMITS = "see what has run out: ulimit -a, and pids.max and memory.max of this control group"


class EcirunError(Exception):
    """An expected failure: a sentence for the user, and what to do about it.

    `message` reads `Can't <verb> <object>: <reason>`; `hint` begins with a verb and may be empty; `exit_code` is that of the
    command that meets it.

    >>> try:
    ...     ecirun.load("pod.yml")
    ... except ecirun.EcirunError as error:
    ...     error.message, error.hint, error.exit_code
    ("Can't read pod.yml: No such file or directory", 'give a file, example:NAME, or a dict', 125)
    """

    exit_code = 125

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n    hint: {self.hint}" if self.hint else self.message


class UsageError(EcirunError):
    """The command line asks for something that does not exist."""


class SpecUnreadable(EcirunError):
    """The input is missing, too big, or not YAML; `where` is `file[:line:column]`."""

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.where = where


class NoPod(SpecUnreadable):
    """The input can be read, and holds no pod."""


class PodRefused(EcirunError):
    """The pod has findings of severity error; `findings` are all that was found, each a `Finding`, warnings too.

    >>> try:
    ...     ecirun.run(ecirun.pod(capabilities=["SYS_ADMIN"]))
    ... except ecirun.PodRefused as refused:
    ...     [finding.rule.id for finding in refused.findings]
    ['capability-not-permitted']
    """

    def __init__(self, message: str, *, hint: str = "", findings: Sequence[Any] = ()) -> None:
        super().__init__(message, hint=hint)
        self.findings = findings


class PolicyUnreadable(EcirunError):
    """A policy file that is missing, no TOML, or not a policy."""


class ImageNotFound(EcirunError):
    """The store has no image of that reference."""


class ImageBroken(EcirunError):
    """The store, or an image in it, cannot be used as it is."""


class HostUnsupported(EcirunError):
    """This host lacks a privilege or a kernel feature that the launch needs."""


class ReferenceMissing(EcirunError):
    """The pod refers to a ConfigMap, a Secret, a field or a folder that is not there."""


class LaunchFailed(EcirunError):
    """A step of the launch failed; `step` names it."""

    def __init__(self, message: str, *, step: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.step = step


class PodNameTaken(EcirunError):
    """A pod of that name exists on this machine."""


class PodNotFound(EcirunError):
    """No pod of that name exists on this machine."""


class NotRunning(EcirunError):
    """The pod or container exists and does not run."""


class CommandNotExecutable(EcirunError):
    """The command exists in the container and cannot be executed."""

    exit_code = 126


class CommandNotFound(EcirunError):
    """The command does not exist in the container."""

    exit_code = 127
