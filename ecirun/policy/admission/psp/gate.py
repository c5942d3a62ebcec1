"""PodSecurityPolicies as a gate: defaults, checks, and the choice among several policies."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from ecirun.policy.admission.outcome import Outcome, admission_rules, finding, value_at
from ecirun.policy.admission.pod_values import pod_values
from ecirun.policy.admission.psp import (
    app_armor,
    capabilities,
    groups,
    host,
    privilege_escalation,
    privileged,
    read_only_root,
    runtime_class,
    se_linux,
    seccomp,
    sysctls,
    users,
    volumes,
)
from ecirun.policy.admission.psp.draft import Complaint, Draft
from ecirun.policy.admission.psp.policy import PodSecurityPolicy
from ecirun.record import Record
from ecirun.spec.finding import Finding
from ecirun.spec.read import KINDS, Reading

ANNOTATION = "kubernetes.io/psp"

POD_DEFAULTS = (
    groups.default_supplemental_groups,
    groups.default_fs_group,
    se_linux.default,
    seccomp.default,
    runtime_class.default,
)
CONTAINER_DEFAULTS = (
    users.default,
    groups.default_run_as_group,
    app_armor.default,
    users.default_non_root,
    capabilities.default,
    read_only_root.default,
    privilege_escalation.default,
)
POD_CHECKS = (
    groups.check_fs_group,
    groups.check_supplemental_groups,
    seccomp.check_pod,
    se_linux.check_pod,
    host.check_namespaces,
    sysctls.check,
    volumes.check,
    runtime_class.check,
)
CONTAINER_CHECKS = (
    users.check,
    groups.check_run_as_group,
    se_linux.check,
    app_armor.check,
    seccomp.check,
    privileged.check,
    privileged.check_proc_mount,
    capabilities.check,
    host.check_ports,
    read_only_root.check,
    privilege_escalation.check,
)


class PolicyGate(Record):
    """Lets a pod pass that one of the policies takes: the first by name that need not change it, or else the first by name.

    Who may use a policy (RBAC) is not looked at: every policy that is given may be used.
    """

    policies: tuple[PodSecurityPolicy, ...]

    @property
    def name(self) -> str:
        """`psp:NAME`, with all names"""
        return "psp:" + ",".join(policy.name for policy in self.policies)

    def judge(self, reading: Reading) -> Outcome:
        """The pod as the chosen policy makes it, or what every policy has against it."""
        changed: tuple[PodSecurityPolicy, Draft] | None = None
        complaints: list[tuple[PodSecurityPolicy, list[Complaint]]] = []
        for policy in sorted(self.policies, key=lambda policy: policy.name):
            draft = default(policy, reading)
            found = check(policy, draft)
            if found:
                complaints.append((policy, found))
            elif not draft.defaults:
                return _admitted(reading, policy, draft)
            elif changed is None:
                changed = policy, draft
        if changed is not None:
            return _admitted(reading, *changed)
        return self._refused(reading, complaints)

    def _refused(self, reading: Reading, complaints: Sequence[tuple[PodSecurityPolicy, list[Complaint]]]) -> Outcome:
        assert reading.pod is not None
        # Kubernetes judges the pod that a workload makes, not the template in the workload.
        prefix = reading.pod.prefix
        listed = " ".join(str(complaint).removeprefix(prefix) for _policy, found in complaints for complaint in found)
        # The words of the last versions where one policy answers, those of the first ones where none of several does.
        words = (
            f"PodSecurityPolicy: unable to admit pod: [{listed}]"
            if len(self.policies) == 1
            else f"unable to validate against any pod security policy: [{listed}]"
        )
        findings = [_finding(reading, policy, complaint) for policy, found in complaints for complaint in found]
        return Outcome(reading, tuple(findings), f'pods "{reading.name}" is forbidden: {words}')


def default(policy: PodSecurityPolicy, reading: Reading) -> Draft:
    """A copy of the pod with the policy's defaults filled in."""
    assert reading.pod is not None
    template = copy.deepcopy({key: reading.template[key] for key in ("metadata", "spec") if key in reading.template})
    template.setdefault("spec", {})
    draft = Draft(template, pod_values(template, reading.pod.prefix))
    for fill_in in POD_DEFAULTS:
        fill_in(policy, draft)
        # What was filled in may stand where nothing stood when the view was made.
        draft.pod = pod_values(template, reading.pod.prefix)
    for container in draft.pod.containers:
        for fill_in_container in CONTAINER_DEFAULTS:
            fill_in_container(policy, draft, container)
    draft.pod = pod_values(template, reading.pod.prefix)
    return draft


def check(policy: PodSecurityPolicy, draft: Draft) -> list[Complaint]:
    """What the policy has against the pod, in Kubernetes' order."""
    found = [complaint for look in POD_CHECKS for complaint in look(policy, draft)]
    for container in draft.pod.containers:
        found += [complaint for look in CONTAINER_CHECKS for complaint in look(policy, draft, container)]
    return found


def _admitted(reading: Reading, policy: PodSecurityPolicy, draft: Draft) -> Outcome:
    template = draft.template
    template.setdefault("metadata", {}).setdefault("annotations", {})[ANNOTATION] = policy.name
    changed = reading.with_values(_with_template(reading, template))
    path = draft.pod.annotation_at(ANNOTATION)
    notes = [
        finding(reading, "psp-admitted", path, policy.name, f'admitted by PodSecurityPolicy "{policy.name}"', severity="note")
    ]
    notes += [
        finding(reading, "psp-default", path, value, f'PodSecurityPolicy "{policy.name}" sets it', severity="note")
        for path, value in draft.defaults
    ]
    return Outcome(changed, tuple(notes))


def _with_template(reading: Reading, template: dict[str, object]) -> dict[str, object]:
    """The object's values with another pod template in them."""
    path = KINDS[reading.kind].template
    if not path:
        return {**reading.values, **template}
    values: dict[str, object] = dict(reading.values)
    holder = values
    for part in path[:-1]:
        inner = dict(holder.get(part, {}))  # type: ignore[call-overload]
        holder[part] = inner
        holder = inner
    holder[path[-1]] = template
    return values


def _finding(reading: Reading, policy: PodSecurityPolicy, complaint: Complaint) -> Finding:
    return finding(
        reading,
        complaint.rule,
        complaint.path,
        value_at(reading.values, complaint.path),
        complaint.message,
        hint=f'{admission_rules()[complaint.rule].remedy} (PodSecurityPolicy "{policy.name}")',
    )
