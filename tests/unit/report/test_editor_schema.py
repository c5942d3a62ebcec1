"""The JSON schema for editors, with a validator that is not ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fastjsonschema
import pytest
from admission.pods import pod

from ecirun.policy.load import load_policy
from ecirun.report.editor_schema import editor_schema
from ecirun.spec.read import KINDS

C = "spec.containers[0]"


@pytest.fixture(scope="module")
def valid() -> Callable[[dict[str, Any]], bool]:
    """Whether the schema of the default policy takes an object."""
    return _validator("eci-2024-02-26")


def _validator(policy: str) -> Callable[[dict[str, Any]], bool]:
    check = fastjsonschema.compile(editor_schema(load_policy(policy)))

    def valid(values: dict[str, Any]) -> bool:
        try:
            check(values)
        except fastjsonschema.JsonSchemaValueException:
            return False
        return True

    return valid


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"metadata.labels": {"app": "web"}},
        {f"{C}.securityContext": {"capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]}, "privileged": False}},
        {f"{C}.resources": {"limits": {"cpu": "500m", "memory": "1Gi"}, "requests": {"cpu": 1}}},
        {f"{C}.livenessProbe": {"httpGet": {"path": "/", "port": "web"}}},
        {"spec.securityContext": {"sysctls": [{"name": "net.ipv4.ip_local_port_range", "value": "1024 65535"}]}},
        {"spec.securityContext": {"sysctls": [{"name": "net/core/somaxconn", "value": "1024"}]}},
        {"spec.volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}]},
    ],
)
def test_what_check_admits_is_valid(valid: Callable[[dict[str, Any]], bool], fields: dict[str, Any]) -> None:
    assert valid(pod(fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"spec.hostPID": True},
        {"spec.hostNetwork": True},
        {"spec.hostIPC": True},
        {"spec.replicas": 1},
        {f"{C}.image": None},
        {f"{C}.securityContext": {"privileged": True}},
        {f"{C}.securityContext": {"procMount": "Unmasked"}},
        {f"{C}.securityContext": {"readOnlyRootFilesystem": False}},
        {f"{C}.securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}},
        {f"{C}.securityContext": {"capabilities": {"add": ["ALL"]}}},
        {f"{C}.securityContext": {"capabilities": {"drop": ["CAP_KILL"]}}},
        {f"{C}.securityContext": {"runAsUser": "1000"}},
        {f"{C}.securityContext": {"runAsUser": 1.5}},
        {f"{C}.resources": {"limits": {"memory": "1 GB"}}},
        {f"{C}.ports": [{"containerPort": 80, "hostPort": 80}]},
        {"spec.securityContext": {"sysctls": [{"name": "kernel.pid_max", "value": "1"}]}},
        {"spec.securityContext": {"sysctls": [{"name": "net.core.somaxconn", "value": 1024}]}},
        {"spec.volumes": [{"name": "v", "hostPath": {"path": "/"}}]},
        {"apiVersion": "apps/v1"},
        {"kind": "Pods"},
    ],
)
def test_what_check_refuses_is_not_valid(valid: Callable[[dict[str, Any]], bool], fields: dict[str, Any]) -> None:
    assert not valid(pod(fields))


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"Pod", "DaemonSet"}))
def test_every_kind_that_holds_pods_is_described(valid: Callable[[dict[str, Any]], bool], kind: str) -> None:
    record = KINDS[kind]
    spec = pod()["spec"]
    template: dict[str, Any] = {"metadata": {"labels": {"a": "b"}}, "spec": spec}
    values: dict[str, Any] = template
    for part in reversed(record.template):
        values = {part: values}
    values |= {"apiVersion": record.api_version, "kind": kind, "metadata": {"name": "test"}}
    assert valid(values)
    spec["hostPID"] = True
    assert not valid(values)


def test_without_a_policy_only_the_api_is_described() -> None:
    valid = _validator("none")
    assert valid(pod({"spec.hostPID": True, f"{C}.securityContext": {"privileged": True}}))
    assert not valid(pod({"spec.hostPid": True}))


def test_a_refused_value_is_explained_where_the_editor_shows_it() -> None:
    schema = editor_schema(load_policy())
    shown = schema["definitions"]["PodSpec"]["properties"]["hostPID"]["description"]
    assert shown.endswith("(host-pid)")
