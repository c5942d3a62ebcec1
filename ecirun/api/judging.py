"""Judging and planning pods without running them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from ecirun.api.host import memory
from ecirun.api.planning import Probe, new_uid, plan_pod
from ecirun.api.pods import Pod, Source, one_pod
from ecirun.api.sysctls import from_a_process_of_its_own, remembered
from ecirun.api.words import Word, choice, words
from ecirun.errors import PodRefused, UsageError
from ecirun.image.progress import Lines
from ecirun.image.store import default_store
from ecirun.plan.build import Options
from ecirun.plan.model import NetworkMode, PodPlan
from ecirun.plan.sysctls import SysctlMode
from ecirun.policy import judge as policy_judge
from ecirun.policy.load import DEFAULT, load_policy
from ecirun.report.text import finding_text
from ecirun.spec.finding import Finding

Unsupported = Literal["refuse", "ignore"]


def check(
    pod: Pod | Source, *, policy: str = DEFAULT, unsupported: Unsupported = "refuse", writable_root: bool = False
) -> list[Finding]:
    """What the Kubernetes API's rules and the policy find in the pod, in file order; it is refused if one is an error.

    `policy` is a name or a file, the rest as the options of `ecirun check`. Raises SpecUnreadable, PolicyUnreadable or
    UsageError.

    >>> [finding.rule.id for finding in ecirun.check("example:refused")][:2]
    ['host-network', 'sysctl-not-permitted']
    """
    __tracebackhide__ = True
    choice("unsupported", unsupported, ("refuse", "ignore"))
    read = one_pod(pod)
    found = list(read.findings)
    if read.spec is not None:
        options = policy_judge.Options(unsupported, writable_root, memory)
        found += policy_judge.judge(read.spec, load_policy(policy), options)
    return sorted(found, key=lambda finding: (finding.mark.line, finding.mark.column))


def plan(
    pod: Pod | Source,
    *,
    command: Sequence[Word] | None = None,
    container: str = "",
    name: str = "",
    policy: str = DEFAULT,
    unsupported: Unsupported = "refuse",
    network: NetworkMode = "loopback",
    sysctls: SysctlMode = "shadow",
    writable_root: bool = False,
    store: str = "",
    volumes: Mapping[str, Word] | None = None,
    beside: Iterable[Source] = (),
) -> PodPlan:
    """The pod's effective security context and everything else of its launch, as data; nothing runs, and no root is needed.

    `command` replaces the command of `container` (default: the first). `volumes` maps claims of persistent volumes to folders,
    `beside` are sources of ConfigMaps and Secrets. The other options are those of `ecirun plan`.

    Raises SpecUnreadable, PodRefused with the findings, UsageError, and LaunchFailed for what cannot be started: a sysctl that
    this kernel would not take, a ConfigMap that is not there.

    >>> ecirun.plan("example:network-admin").containers[0].capabilities.bounding.mask
    '00000000a80435fb'
    """
    __tracebackhide__ = True
    read = one_pod(pod, beside=beside)
    options = options_of(command, container, name, network, sysctls, writable_root)
    admit(read, policy=policy, unsupported=unsupported, writable_root=writable_root)
    look = remembered(from_a_process_of_its_own)
    return plan_admitted(read, options, policy=policy, store=store, volumes=volumes, must_run=False, look=look)


def options_of(
    command: Sequence[Word] | None,
    container: str,
    name: str,
    network: NetworkMode,
    sysctls: SysctlMode,
    writable_root: bool,
) -> Options:
    """What the caller chose. Raises UsageError, TypeError or ValueError for what cannot be chosen."""
    choice("network", network, ("loopback", "bridge", "none"))
    choice("sysctls", sysctls, ("shadow", "strict", "host"))
    return Options(
        container=container,
        command=None if command is None else words(command, "command"),
        name=name,
        network=network,
        sysctls=sysctls,
        writable_root=writable_root,
    )


def admit(pod: Pod, *, policy: str, unsupported: Unsupported, writable_root: bool) -> list[str]:
    """Judge a pod that is to be planned: its warnings, each as a text. Raises PodRefused."""
    __tracebackhide__ = True
    findings = check(pod, policy=policy, unsupported=unsupported, writable_root=writable_root)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors or pod.spec is None:
        raise PodRefused(
            f'Can\'t run pod "{pod.name}": it is refused\n' + "\n".join(finding_text(finding) for finding in errors),
            hint="correct what is said above; nothing was started",
            findings=tuple(findings),
        )
    return [finding_text(finding) for finding in findings if finding.severity == "warning"]


def plan_admitted(
    pod: Pod,
    options: Options,
    *,
    policy: str,
    store: str,
    volumes: Mapping[str, Word] | None,
    must_run: bool,
    look: Probe,
) -> PodPlan:
    """The plan of a pod that nothing refuses. Raises what `build_plan` raises, and UsageError for a claim without a folder."""
    assert pod.spec is not None
    place = store or default_store()
    return plan_pod(
        pod.spec,
        load_policy(policy),
        options._replace(uid=new_uid(), scratch=os.path.join(os.path.abspath(place), "volumes")),
        place,
        objects=pod.objects,
        claims=_claims(volumes or {}),
        must_run=must_run,
        progress=Lines(lambda _text: None),
        look=look,
    )


def _claims(volumes: Mapping[str, Word]) -> dict[str, str]:
    claims = {}
    for name, folder in volumes.items():
        if not os.path.isdir(folder):
            raise UsageError(
                f'Can\'t map a folder to claim "{name}": {folder} is not a directory', hint="make it, or name another"
            )
        claims[name] = os.path.realpath(folder)
    return claims
