"""Judging and planning pods without running them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from ecirun.api.planning import Probe, new_uid, plan_pod
from ecirun.api.pods import Pod, Source, one_pod
from ecirun.errors import PodRefused
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

    `policy` is a name or a file, the rest as the options of `ecirun check`. Raises SpecUnreadable or PolicyUnreadable.

    >>> [finding.rule.id for finding in check("example:refused")][:2]
    ['host-network', 'sysctl-not-permitted']
    """
    read = one_pod(pod)
    found = list(read.findings)
    if read.spec is not None:
        options = policy_judge.Options(unsupported, writable_root)
        found += policy_judge.judge(read.spec, load_policy(policy), options)
    return sorted(found, key=lambda finding: (finding.mark.line, finding.mark.column))


def plan(
    pod: Pod | Source,
    *,
    command: list[str] | tuple[str, ...] | None = None,
    container: str = "",
    name: str = "",
    policy: str = DEFAULT,
    unsupported: Unsupported = "refuse",
    network: NetworkMode = "loopback",
    sysctls: SysctlMode = "shadow",
    writable_root: bool = False,
    store: str = "",
    volumes: Mapping[str, str] | None = None,
) -> PodPlan:
    """The pod's effective security context and everything else of its launch, as data; nothing runs, and no root is needed.

    `command` replaces the command of `container` (default: the first). `volumes` maps claims of persistent volumes to folders.
    Raises PodRefused with the findings.

    >>> plan("example:network-admin").containers[0].capabilities.bounding.mask
    '00000000a80435fb'
    """
    options = Options(
        container=container,
        command=tuple(command) if command is not None else None,
        name=name,
        network=network,
        sysctls=sysctls,
        writable_root=writable_root,
    )
    return plan_admitted(
        one_pod(pod),
        options,
        policy=policy,
        unsupported=unsupported,
        store=store,
        volumes=volumes or {},
        must_run=False,
        say=lambda _text: None,
    )


def plan_admitted(
    pod: Pod,
    options: Options,
    *,
    policy: str,
    unsupported: Unsupported,
    store: str,
    volumes: Mapping[str, str],
    must_run: bool,
    say: Callable[[str], None],
    look: Probe | None = None,
) -> PodPlan:
    """The plan of a pod that nothing refuses. Raises PodRefused and what `build_plan` raises."""
    findings = check(pod, policy=policy, unsupported=unsupported, writable_root=options.writable_root)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors or pod.spec is None:
        raise PodRefused(
            f'Can\'t run pod "{pod.name}": it is refused\n' + "\n".join(finding_text(finding) for finding in errors),
            hint="correct what is said above; nothing was started",
            findings=tuple(findings),
        )
    place = store or default_store()
    filled = options._replace(uid=new_uid(), scratch=f"{place}/volumes")
    more: dict[str, Any] = {"objects": pod.objects, "claims": volumes, "must_run": must_run, "look": look}
    return plan_pod(pod.spec, load_policy(policy), filled, place, progress=Lines(say), **more)
