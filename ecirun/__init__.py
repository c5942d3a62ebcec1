"""ecirun: run a Kubernetes pod as Alibaba Cloud Elastic Container Instance would, on any Linux machine.

    import ecirun

    with ecirun.run("pod.yaml") as pod:
        result = pod.exec(["ip", "link", "set", "lo", "down"], timeout=5)
        assert "Operation not permitted" in result.stderr

`load` and `loads` read pods, `pod` makes one, `check` judges, `plan` shows the effective security context, `run` runs,
`attach` finds a pod that runs already. Everything is imported when it is first used: importing ecirun costs next to nothing.
"""

from __future__ import annotations

import sys
from types import ModuleType

TYPE_CHECKING = False  # what it is in `typing`, whose import would be most of the cost
if TYPE_CHECKING:
    from ecirun.api.exec_stream import ExecStream as ExecStream
    from ecirun.api.judging import check as check
    from ecirun.api.judging import plan as plan
    from ecirun.api.pods import Pod as Pod
    from ecirun.api.pods import load as load
    from ecirun.api.pods import loads as loads
    from ecirun.api.pods import pod as pod
    from ecirun.api.result import ExecFailed as ExecFailed
    from ecirun.api.result import ExecTimeout as ExecTimeout
    from ecirun.api.result import Result as Result
    from ecirun.api.running import attach as attach
    from ecirun.api.running import run as run
    from ecirun.api.running_pod import RunningPod as RunningPod
    from ecirun.errors import CommandNotExecutable as CommandNotExecutable
    from ecirun.errors import CommandNotFound as CommandNotFound
    from ecirun.errors import EcirunError as EcirunError
    from ecirun.errors import HostUnsupported as HostUnsupported
    from ecirun.errors import ImageBroken as ImageBroken
    from ecirun.errors import ImageNotFound as ImageNotFound
    from ecirun.errors import LaunchFailed as LaunchFailed
    from ecirun.errors import NoPod as NoPod
    from ecirun.errors import NotRunning as NotRunning
    from ecirun.errors import PodNameTaken as PodNameTaken
    from ecirun.errors import PodNotFound as PodNotFound
    from ecirun.errors import PodRefused as PodRefused
    from ecirun.errors import PolicyUnreadable as PolicyUnreadable
    from ecirun.errors import SpecUnreadable as SpecUnreadable
    from ecirun.errors import UsageError as UsageError
    from ecirun.plan.model import PodPlan as PodPlan
    from ecirun.spec.finding import Finding as Finding

__version__ = "0.1.0"

# The modules of the public names.
_PLACES = {
    "CommandNotExecutable": "ecirun.errors",
    "CommandNotFound": "ecirun.errors",
    "EcirunError": "ecirun.errors",
    "ExecFailed": "ecirun.api.result",
    "ExecStream": "ecirun.api.exec_stream",
    "ExecTimeout": "ecirun.api.result",
    "Finding": "ecirun.spec.finding",
    "HostUnsupported": "ecirun.errors",
    "ImageBroken": "ecirun.errors",
    "ImageNotFound": "ecirun.errors",
    "LaunchFailed": "ecirun.errors",
    "NoPod": "ecirun.errors",
    "NotRunning": "ecirun.errors",
    "Pod": "ecirun.api.pods",
    "PodNameTaken": "ecirun.errors",
    "PodNotFound": "ecirun.errors",
    "PodPlan": "ecirun.plan.model",
    "PodRefused": "ecirun.errors",
    "PolicyUnreadable": "ecirun.errors",
    "Result": "ecirun.api.result",
    "RunningPod": "ecirun.api.running_pod",
    "SpecUnreadable": "ecirun.errors",
    "UsageError": "ecirun.errors",
    "attach": "ecirun.api.running",
    "check": "ecirun.api.judging",
    "load": "ecirun.api.pods",
    "loads": "ecirun.api.pods",
    "plan": "ecirun.api.judging",
    "pod": "ecirun.api.pods",
    "run": "ecirun.api.running",
}

__all__ = sorted(_PLACES)


class _Package(ModuleType):
    """This package, in which `plan` is the function and not the folder of that name, whichever is imported first."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _PLACES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value: object = getattr(importlib.import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
