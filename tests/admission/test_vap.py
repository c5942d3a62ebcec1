"""ECI's rules as a ValidatingAdmissionPolicy: a CEL library reaches the same verdicts as `check`."""

from __future__ import annotations

import json
from typing import Any

import cel
import pytest
import yaml

from admission.pods import C, I, pod
from ecirun.policy.admission.vap.manifest import binding_object, manifest, policy_object
from ecirun.policy.checks import RULES
from ecirun.policy.judge import Options, judge
from ecirun.policy.load import Policy, load_policy, policy_names
from ecirun.spec import read_pods

# Of these `check` makes no error, and so they are not exported.
WARNINGS = {"min-free-kbytes-large", "capability-ineffective"}

ECI = [name for name in policy_names() if load_policy(name).judges]


def sysctl(name: str) -> dict[str, Any]:
    return {"spec.securityContext.sysctls": [{"name": name, "value": "1"}]}


LAYERS: list[dict[str, Any]] = [
    {},
    *(
        sysctl(name)
        for name in (
            "net.core.somaxconn",
            "net/core/somaxconn",
            "net.ipv4.tcp_syncookies",
            "net/ipv4/tcp_syncookies",
            "net.ipv4.tcp_syncookies_more",
            "kernel.shm_rmid_forced",
            "kernel.shmmax",
            "kernel.sem",
            "kernel.sem_next_id",
            "kernel/msgmax",
            "fs.mqueue.msg_max",
            "vm.min_free_kbytes",
            "vm.swappiness",
            "netfilter.x",
        )
    ),
    {
        "spec.securityContext.sysctls": [
            {"name": "net.core.somaxconn", "value": "1"},
            {"name": "net/core/somaxconn", "value": "1"},
        ]
    },
    {f"{C}.securityContext.capabilities.add": ["NET_ADMIN"]},
    {f"{C}.securityContext.capabilities.add": ["SYS_ADMIN"]},
    {f"{I}.securityContext.capabilities.add": ["SYS_RAWIO"]},
    {f"{C}.securityContext.capabilities.add": ["ALL"]},
    {f"{C}.securityContext.capabilities.add": ["net_admin"]},
    {f"{C}.securityContext.capabilities.drop": ["ALL", "SYS_TIME"]},
    {f"{C}.securityContext.capabilities.drop": ["CAP_SYS_TIME"]},
    {f"{C}.securityContext.privileged": True},
    {f"{C}.securityContext.privileged": False},
    {f"{C}.securityContext.procMount": "Unmasked", "spec.hostUsers": False},
    {f"{C}.securityContext.procMount": "Default"},
    {f"{C}.securityContext.readOnlyRootFilesystem": False},
    {f"{C}.securityContext.readOnlyRootFilesystem": True},
    {"spec.hostNetwork": True},
    {"spec.hostPID": True},
    {"spec.hostIPC": True},
    {"spec.volumes": [{"name": "a", "hostPath": {"path": "/"}}]},
    {"spec.volumes": [{"name": "a", "emptyDir": {}}]},
    {f"{C}.ports": [{"containerPort": 1, "hostPort": 1}]},
    {f"{C}.ports": [{"containerPort": 1}]},
    {"spec.securityContext.runAsNonRoot": True, f"{C}.securityContext.runAsUser": 0},
    {"spec.securityContext": {"runAsNonRoot": True, "runAsUser": 0}},
    {"spec.securityContext": {"runAsNonRoot": True, "runAsUser": 1}},
    {"spec.securityContext.runAsNonRoot": True},
    {
        "spec.securityContext": {"runAsNonRoot": True, "runAsUser": 0},
        f"{C}.securityContext.runAsNonRoot": False,
        f"{I}.securityContext.runAsUser": 7,
    },
]

KINDS = {
    "Pod": ("v1", ()),
    "PodTemplate": ("v1", ("template",)),
    "ReplicationController": ("v1", ("spec", "template")),
    "Deployment": ("apps/v1", ("spec", "template")),
    "StatefulSet": ("apps/v1", ("spec", "template")),
    "ReplicaSet": ("apps/v1", ("spec", "template")),
    "DaemonSet": ("apps/v1", ("spec", "template")),
    "Job": ("batch/v1", ("spec", "template")),
    "CronJob": ("batch/v1", ("spec", "jobTemplate", "spec", "template")),
}


def held_by(kind: str, values: dict[str, Any]) -> dict[str, Any]:
    """The pod inside an object of that kind."""
    api_version, path = KINDS[kind]
    inner: Any = {"metadata": {}, "spec": values["spec"]} if path else {"spec": values["spec"]}
    for part in reversed(path):
        inner = {part: inner}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "test"}, **inner}


def refused_by_cel(policy: dict[str, Any], values: dict[str, Any]) -> set[str]:
    """The rules whose validations do not hold; every variable and expression is evaluated as a cluster would."""
    variables: dict[str, Any] = {}

    def evaluated(expression: str) -> Any:
        context = cel.Context({"object": values, "variables": variables})
        # Kubernetes' own strings library has it, the common part of CEL does not.
        context.add_function("replace", lambda text, old, new: text.replace(old, new))
        return cel.evaluate(expression, context)

    for variable in policy["spec"]["variables"]:
        variables[variable["name"]] = evaluated(variable["expression"])
    return {
        validation["message"].rpartition("(")[2].rstrip(")")
        for validation in policy["spec"]["validations"]
        if not evaluated(validation["expression"])
    }


def refused_by_check(policy: Policy, values: dict[str, Any]) -> set[str]:
    read = read_pods(json.dumps(values).encode(), "pod.json")[0].pod
    assert read is not None
    return {finding.rule.id for finding in judge(read, policy, Options()) if finding.severity == "error"}


@pytest.mark.parametrize("name", ECI)
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: json.dumps(layer)[:60])
def test_cel_refuses_what_check_refuses_by_the_same_rules(name: str, layer: dict[str, Any]) -> None:
    policy = load_policy(name)
    values = pod(layer)
    assert refused_by_cel(policy_object(policy), values) == refused_by_check(policy, values)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_that_holds_a_pod_is_judged(kind: str) -> None:
    policy = load_policy()
    for layer in ({}, {"spec.hostNetwork": True}, {f"{C}.securityContext.privileged": True}):
        values = held_by(kind, pod(layer))
        assert refused_by_cel(policy_object(policy), values) == refused_by_check(policy, values)


def test_every_rule_that_makes_an_error_is_exported() -> None:
    exported = {
        validation["message"].rpartition("(")[2].rstrip(")")
        for validation in policy_object(load_policy())["spec"]["validations"]
    }
    assert exported == set(RULES) - WARNINGS


def test_what_unsupported_ignore_and_writable_root_let_pass_is_left_out() -> None:
    policy = load_policy()
    values = pod({f"{C}.securityContext": {"privileged": True, "readOnlyRootFilesystem": False}})
    assert refused_by_cel(policy_object(policy, unsupported=False), values) == set()
    assert refused_by_cel(policy_object(policy, writable_root=True), values) == {"privileged-unsupported"}


def test_a_label_narrows_it_to_the_pods_that_have_it() -> None:
    policy = policy_object(load_policy(), label="alibabacloud.com/eci=true")
    condition = policy["spec"]["matchConditions"][0]["expression"]
    labelled = pod({"metadata.labels": {"alibabacloud.com/eci": "true"}})
    for values, matches in (
        (labelled, True),
        (pod(), False),
        (pod({"metadata.labels": {"alibabacloud.com/eci": "no"}}), False),
    ):
        assert cel.evaluate(condition, {"object": values}) is matches
    template = held_by("CronJob", pod())
    assert cel.evaluate(condition, {"object": template}) is False


def test_the_manifest_holds_the_policy_and_a_binding_that_denies() -> None:
    policy = load_policy()
    first, second = yaml.safe_load_all(manifest(policy))
    assert first == policy_object(policy)
    assert second == binding_object(policy)
    assert second["spec"] == {"policyName": first["metadata"]["name"], "validationActions": ["Deny"]}
    resources = {name for rule in first["spec"]["matchConstraints"]["resourceRules"] for name in rule["resources"]}
    assert resources == {kind.lower() + "s" for kind in KINDS}
