"""Judging and planning pods without running them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ecirun.api.bench import Bench, Unsupported, bench_for, judge_reading, who_refuses
from ecirun.api.planning import Build, Probe, plan_pod
from ecirun.api.pods import Objects, Pod, Source, one_pod
from ecirun.api.sysctls import from_a_process_of_its_own, remembered
from ecirun.api.words import Word, choice, words
from ecirun.errors import PodRefused, UsageError
from ecirun.image.place import default_store
from ecirun.image.progress import Lines
from ecirun.plan.build import Options, build_plan
from ecirun.plan.model import NetworkMode, PodPlan
from ecirun.plan.sysctls import SysctlMode
from ecirun.plan.uid import new_uid
from ecirun.policy.load import DEFAULT, load_policy
from ecirun.record import Record
from ecirun.report.text import finding_text, refusal_text
from ecirun.spec.finding import Finding

if TYPE_CHECKING:
    from ecirun.report.verdict import Verdict
    from ecirun.spec import Reading
    from ecirun.spec import pod as spec


class Judges(Record):
    """What `check`, `plan` and `run` are told of how to judge."""

    policy: str
    unsupported: Unsupported
    writable_root: bool
    admission: Sequence[str]
    allowed_unsafe_sysctls: Sequence[str]


def check(
    pod: Pod | Source,
    *,
    policy: str = DEFAULT,
    unsupported: Unsupported = "refuse",
    writable_root: bool = False,
    admission: Sequence[str] = (),
    allowed_unsafe_sysctls: Sequence[str] = (),
) -> list[Finding]:
    """What the Kubernetes API's rules, admission and the policy find in the pod, in file order.

    The pod is refused if one of them is an error. `policy` is a name or a file, the rest as the options of `ecirun check`;
    the annotation `ecirun/ignore` is heeded as there. Raises SpecUnreadable, PolicyUnreadable or UsageError.

    >>> [finding.rule.id for finding in ecirun.check("example:refused")][:2]
    ['host-pid', 'sysctl-not-permitted']
    """
    __tracebackhide__ = True
    judges = Judges(policy, unsupported, writable_root, admission, allowed_unsafe_sysctls)
    return list(judge_reading(one_pod(pod).reading, _bench(judges, ignore=True))[1].findings)


def plan(
    pod: Pod | Source,
    *,
    command: Sequence[Word] | None = None,
    container: str = "",
    name: str = "",
    policy: str = DEFAULT,
    unsupported: Unsupported = "refuse",
    admission: Sequence[str] = (),
    allowed_unsafe_sysctls: Sequence[str] = (),
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
    admitted, _warnings = admit(read, Judges(policy, unsupported, writable_root, admission, allowed_unsafe_sysctls))
    look = remembered(from_a_process_of_its_own)
    return plan_admitted(
        admitted, read.objects, options, policy=policy, store=store, volumes=volumes, must_run=False, look=look
    )


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


def _bench(judges: Judges, *, ignore: bool) -> Bench:
    choice("unsupported", judges.unsupported, ("refuse", "ignore"))
    for name in ("admission", "allowed_unsafe_sysctls"):
        if isinstance(getattr(judges, name), str):
            raise TypeError(f"{name} must be a list of names, not one str")
    return bench_for(
        load_policy(judges.policy),
        unsupported=judges.unsupported,
        writable_root=judges.writable_root,
        admission=judges.admission,
        allowed_unsafe_sysctls=judges.allowed_unsafe_sysctls,
        ignore=ignore,
    )


def admit(pod: Pod, judges: Judges) -> tuple[spec.Pod, list[str]]:
    """Judge a pod that is to be planned: the pod as admission left it, and its warnings as texts. Raises PodRefused."""
    __tracebackhide__ = True
    bench = _bench(judges, ignore=False)
    reading, verdict = _judged(pod, bench)
    if verdict.stage is not None or reading.pod is None:
        texts = [finding_text(finding) for finding in verdict.findings if finding.severity == "error"]
        if verdict.refusal:
            texts.append(refusal_text(verdict))
        raise PodRefused(
            f'Can\'t run pod "{pod.name}": it is refused {who_refuses(verdict, bench)}\n' + "\n".join(texts),
            hint="correct what is said above; nothing was started",
            findings=verdict.findings,
        )
    return reading.pod, [finding_text(finding) for finding in verdict.findings if finding.severity == "warning"]


def _judged(pod: Pod, bench: Bench) -> tuple[Reading, Verdict]:
    """What `judge_reading` returns. The same judges say the same again; those of admission are asked each time."""
    if bench.gates is not None:
        return judge_reading(pod.reading, bench)
    if pod._judged is None or pod._judged[0] != bench:
        pod._judged = bench, judge_reading(pod.reading, bench)
    return pod._judged[1]


def plan_admitted(
    pod: spec.Pod,
    objects: Objects,
    options: Options,
    *,
    policy: str,
    store: str,
    volumes: Mapping[str, Word] | None,
    must_run: bool,
    look: Probe,
    build: Build = build_plan,
) -> PodPlan:
    """The plan of a pod that nothing refuses. Raises what `build_plan` raises, and UsageError for a claim without a folder."""
    place = store or default_store()
    return plan_pod(
        pod,
        load_policy(policy),
        options._replace(uid=new_uid(), scratch=os.path.join(os.path.abspath(place), "volumes")),
        place,
        objects=objects,
        claims=_claims(volumes or {}),
        must_run=must_run,
        progress=Lines(lambda _text: None),
        look=look,
        build=build,
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
