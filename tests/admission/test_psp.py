"""PodSecurityPolicy: what it fills in, what it refuses in which words, and the choice among several."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from admission.pods import C, I, admitted, errors, pod
from ecirun.errors import PolicyUnreadable
from ecirun.policy.admission.load import load_gates
from ecirun.policy.admission.outcome import admission_rules
from ecirun.policy.admission.stage import Admission

ANY = {"rule": "RunAsAny"}
PERMISSIVE: dict[str, Any] = {"runAsUser": ANY, "seLinux": ANY, "fsGroup": ANY, "supplementalGroups": ANY, "volumes": ["*"]}

SECCOMP = "seccomp.security.alpha.kubernetes.io"
APP_ARMOR = "apparmor.security.beta.kubernetes.io"
POD_SECCOMP = f"{SECCOMP}/pod"
C_SECCOMP = f"container.{SECCOMP}/c"
C_APP_ARMOR = f"container.{APP_ARMOR}/c"

Policies = Callable[..., str]


def psp(name: str = "policy", *, annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A policy that allows what the API's zero values allow, with other fields on top."""
    return {
        "apiVersion": "policy/v1beta1",
        "kind": "PodSecurityPolicy",
        "metadata": {"name": name, "annotations": annotations or {}},
        "spec": {**PERMISSIVE, **spec},
    }


@pytest.fixture
def policies(tmp_path: Path) -> Policies:
    """Writes policies to a file and returns its name."""

    def write(*objects: dict[str, Any]) -> str:
        path = tmp_path / "policies.yaml"
        path.write_text("\n---\n".join(json.dumps(entry) for entry in objects))
        return str(path)

    return write


def one_container(*layers: dict[str, Any]) -> dict[str, Any]:
    return pod({"spec.initContainers": None}, *layers)


REFUSALS = [
    (
        "allow-privilege-escalation",
        {"allowPrivilegeEscalation": False},
        {f"{C}.securityContext": {"allowPrivilegeEscalation": True}},
        f"{C}.securityContext.allowPrivilegeEscalation: Invalid value: true: "
        "Allowing privilege escalation for containers is not allowed",
    ),
    (
        "capabilities",
        {},
        {f"{C}.securityContext.capabilities.add": ["foo"]},
        f'{C}.securityContext.capabilities.add: Invalid value: "foo": capability may not be added',
    ),
    (
        "capabilities",
        {"requiredDropCapabilities": ["foo"]},
        {f"{C}.securityContext.capabilities.add": ["foo"]},
        f'{C}.securityContext.capabilities.add: Invalid value: "foo": capability may not be added',
    ),
    (
        "fs-group",
        {"fsGroup": {"rule": "MustRunAs", "ranges": [{"min": 1, "max": 1}]}},
        {"spec.securityContext.fsGroup": 999},
        "spec.securityContext.fsGroup: Invalid value: []int64{999}: group 999 must be in the ranges: [{1 1}]",
    ),
    (
        "fs-group",
        {"fsGroup": {"rule": "MayRunAs", "ranges": [{"min": 10, "max": 20}, {"min": 1000, "max": 1001}]}},
        {"spec.securityContext.fsGroup": 999},
        "spec.securityContext.fsGroup: Invalid value: []int64{999}: group 999 must be in the ranges: [{10 20} {1000 1001}]",
    ),
    (
        "supplemental-groups",
        {"supplementalGroups": {"rule": "MustRunAs", "ranges": [{"min": 1, "max": 5}]}},
        {"spec.securityContext.supplementalGroups": [3, 9]},
        "spec.securityContext.supplementalGroups: Invalid value: []int64{3, 9}: group 9 must be in the ranges: [{1 5}]",
    ),
    (
        "supplemental-groups",
        {"supplementalGroups": {"rule": "MustRunAs", "ranges": [{"min": 1, "max": 5}]}},
        {"spec.securityContext.supplementalGroups": []},
        "spec.securityContext.supplementalGroups: Invalid value: []int64{}: "
        "unable to validate empty groups against required ranges",
    ),
    (
        "run-as-group",
        {"runAsGroup": {"rule": "MustRunAs", "ranges": [{"min": 1, "max": 5}]}},
        {f"{C}.securityContext.runAsGroup": 9},
        f"{C}.securityContext: Invalid value: []int64{{9}}: group 9 must be in the ranges: [{{1 5}}]",
    ),
    (
        "host-namespaces",
        {},
        {"spec.hostNetwork": True},
        "spec.securityContext.hostNetwork: Invalid value: true: Host network is not allowed to be used",
    ),
    (
        "host-namespaces",
        {},
        {"spec.hostPID": True},
        "spec.securityContext.hostPID: Invalid value: true: Host PID is not allowed to be used",
    ),
    (
        "host-namespaces",
        {},
        {"spec.hostIPC": True},
        "spec.securityContext.hostIPC: Invalid value: true: Host IPC is not allowed to be used",
    ),
    (
        "host-ports",
        {},
        {f"{C}.ports": [{"containerPort": 1, "hostPort": 1}]},
        f"{C}.hostPort: Invalid value: 1: Host port 1 is not allowed to be used. Allowed ports: []",
    ),
    (
        "host-ports",
        {"hostPorts": [{"min": 5, "max": 9}, {"min": 2, "max": 2}]},
        {f"{C}.ports": [{"containerPort": 1, "hostPort": 1}, {"containerPort": 2, "hostPort": 9}]},
        f"{C}.hostPort: Invalid value: 1: Host port 1 is not allowed to be used. Allowed ports: [5-9,2]",
    ),
    (
        "privileged",
        {},
        {f"{C}.securityContext.privileged": True},
        f"{C}.securityContext.privileged: Invalid value: true: Privileged containers are not allowed",
    ),
    (
        "proc-mount",
        {},
        {f"{C}.securityContext.procMount": "Unmasked", "spec.hostUsers": False},
        f'{C}.securityContext.procMount: Invalid value: "Unmasked": ProcMountType is not allowed',
    ),
    (
        "read-only-root-filesystem",
        {"readOnlyRootFilesystem": True},
        {f"{C}.securityContext.readOnlyRootFilesystem": False},
        f"{C}.securityContext.readOnlyRootFilesystem: Invalid value: false: ReadOnlyRootFilesystem must be set to true",
    ),
    (
        "run-as-user",
        {"runAsUser": {"rule": "MustRunAs", "ranges": [{"min": 999, "max": 1000}]}},
        {"spec.securityContext.runAsUser": 1},
        f"{C}.securityContext.runAsUser: Invalid value: 1: must be in the ranges: [{{999 1000}}]",
    ),
    (
        "run-as-user",
        {"runAsUser": {"rule": "MustRunAsNonRoot"}},
        {f"{C}.securityContext.runAsUser": 0},
        f"{C}.securityContext.runAsUser: Invalid value: 0: running with the root UID is forbidden",
    ),
    (
        "run-as-user",
        {"runAsUser": {"rule": "MustRunAsNonRoot"}},
        {"spec.securityContext.runAsNonRoot": False},
        f"{C}.securityContext.runAsNonRoot: Invalid value: false: must be true",
    ),
    (
        "runtime-class",
        {"runtimeClass": {"allowedRuntimeClassNames": ["kata"]}},
        {"spec.runtimeClassName": "runc"},
        'spec.runtimeClassName: Invalid value: "runc"',
    ),
    (
        "sysctls",
        {},
        {"spec.securityContext.sysctls": [{"name": "kernel.sem", "value": "1"}]},
        'pod.spec.securityContext.sysctls[0]: Forbidden: unsafe sysctl "kernel.sem" is not allowed',
    ),
    (
        "sysctls",
        {"forbiddenSysctls": ["*"]},
        {"spec.securityContext.sysctls": [{"name": "kernel.shm_rmid_forced", "value": "1"}]},
        'pod.spec.securityContext.sysctls[0]: Forbidden: sysctl "kernel.shm_rmid_forced" is not allowed',
    ),
    (
        "sysctls",
        {"forbiddenSysctls": ["net.*"], "allowedUnsafeSysctls": ["a.*"]},
        {"spec.securityContext.sysctls": [{"name": "net.ipv4.ip_local_port_range", "value": "1 2"}]},
        'pod.spec.securityContext.sysctls[0]: Forbidden: sysctl "net.ipv4.ip_local_port_range" is not allowed',
    ),
    (
        "volumes",
        {"volumes": []},
        {"spec.volumes": [{"name": "a", "hostPath": {"path": "/"}}]},
        'spec.volumes[0]: Invalid value: "hostPath": hostPath volumes are not allowed to be used',
    ),
    (
        "volumes",
        {"volumes": ["secret"]},
        {"spec.volumes": [{"name": "a", "projected": {"sources": [{"secret": {"name": "s"}}]}}]},
        'spec.volumes[0]: Invalid value: "projected": projected volumes are not allowed to be used',
    ),
    (
        "allowed-host-paths",
        {"allowedHostPaths": [{"pathPrefix": "/foo/bar"}]},
        {"spec.volumes": [{"name": "a", "hostPath": {"path": "/foo/barn"}}]},
        'spec.volumes[0].hostPath.pathPrefix: Invalid value: "/foo/barn": is not allowed to be used',
    ),
    (
        "allowed-host-paths",
        {"allowedHostPaths": [{"pathPrefix": "/foo/", "readOnly": True}]},
        {
            "spec.volumes": [{"name": "a", "hostPath": {"path": "/foo"}}],
            f"{C}.volumeMounts": [{"name": "a", "mountPath": "/a"}],
        },
        f"{C}.volumeMounts[0].readOnly: Invalid value: false: must be read-only",
    ),
    (
        "allowed-flex-volumes",
        {"allowedFlexVolumes": [{"driver": "example/foo"}]},
        {"spec.volumes": [{"name": "a", "flexVolume": {"driver": "example/unknown"}}]},
        'spec.volumes[0].driver: Invalid value: "example/unknown": Flexvolume driver is not allowed to be used',
    ),
    (
        "allowed-csi-drivers",
        {"allowedCSIDrivers": [{"name": "foo"}]},
        {"spec.volumes": [{"name": "a", "csi": {"driver": "bar"}}]},
        'spec.volumes[0].csi.driver: Invalid value: "bar": Inline CSI driver is not allowed to be used',
    ),
    (
        "se-linux",
        {"seLinux": {"rule": "MustRunAs", "seLinuxOptions": {"level": "foo"}}},
        {f"{C}.securityContext.seLinuxOptions": {"level": "bar"}},
        f'{C}.securityContext.seLinuxOptions.level: Invalid value: "bar": must be foo',
    ),
]

PASSES = [
    ({"allowPrivilegeEscalation": False}, {f"{C}.securityContext.allowPrivilegeEscalation": False}),
    ({"allowedCapabilities": ["foo"]}, {f"{C}.securityContext.capabilities.add": ["foo"]}),
    ({"allowedCapabilities": ["*"]}, {f"{C}.securityContext.capabilities.add": ["foo"]}),
    ({"defaultAddCapabilities": ["foo"]}, {f"{C}.securityContext.capabilities.add": ["foo"]}),
    ({"requiredDropCapabilities": ["foo"]}, {f"{C}.securityContext.capabilities.drop": ["foo"]}),
    ({"fsGroup": {"rule": "MayRunAs", "ranges": [{"min": 1, "max": 5}]}}, {}),
    (
        {"supplementalGroups": {"rule": "MustRunAs", "ranges": [{"min": 1, "max": 5}]}},
        {"spec.securityContext.supplementalGroups": [3]},
    ),
    ({"hostNetwork": True}, {"spec.hostNetwork": True}),
    ({"hostPID": True}, {"spec.hostPID": True}),
    ({"hostIPC": True}, {"spec.hostIPC": True}),
    ({"hostPorts": [{"min": 1, "max": 10}]}, {f"{C}.ports": [{"containerPort": 5, "hostPort": 5}]}),
    ({"privileged": True}, {f"{C}.securityContext.privileged": True}),
    ({"allowedProcMountTypes": ["Unmasked"]}, {f"{C}.securityContext.procMount": "Unmasked", "spec.hostUsers": False}),
    ({"readOnlyRootFilesystem": True}, {f"{C}.securityContext.readOnlyRootFilesystem": True}),
    ({"runAsUser": {"rule": "MustRunAs", "ranges": [{"min": 999, "max": 1000}]}}, {"spec.securityContext.runAsUser": 1000}),
    ({"runAsUser": {"rule": "MustRunAsNonRoot"}}, {"spec.securityContext.runAsUser": 1}),
    ({"runtimeClass": {"allowedRuntimeClassNames": ["*"]}}, {"spec.runtimeClassName": "runc"}),
    ({}, {"spec.securityContext.sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]}),
    ({"allowedUnsafeSysctls": ["kernel.*"]}, {"spec.securityContext.sysctls": [{"name": "kernel.sem", "value": "1"}]}),
    ({"volumes": ["hostPath"]}, {"spec.volumes": [{"name": "a", "hostPath": {"path": "/"}}]}),
    ({"volumes": ["cephFS"]}, {"spec.volumes": [{"name": "a", "cephfs": {"monitors": ["m"]}}]}),
    (
        {"volumes": ["secret"]},
        {
            "spec.volumes": [
                {
                    "name": "token",
                    "projected": {
                        "sources": [
                            {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
                            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                            {
                                "downwardAPI": {
                                    "items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]
                                }
                            },
                        ]
                    },
                }
            ]
        },
    ),
    (
        {"allowedHostPaths": [{"pathPrefix": "/foo", "readOnly": True}, {"pathPrefix": "/foo/bar"}]},
        {
            "spec.volumes": [{"name": "a", "hostPath": {"path": "/foo/bar/"}}],
            f"{C}.volumeMounts": [{"name": "a", "mountPath": "/a"}],
        },
    ),
    ({"allowedFlexVolumes": [{"driver": "d"}]}, {"spec.volumes": [{"name": "a", "flexVolume": {"driver": "d"}}]}),
    ({"allowedCSIDrivers": [{"name": "d"}]}, {"spec.volumes": [{"name": "a", "csi": {"driver": "d"}}]}),
    (
        {"seLinux": {"rule": "MustRunAs", "seLinuxOptions": {"level": "s0:c6,c0"}}},
        {"spec.securityContext.seLinuxOptions": {"level": "s0:c0,c6"}},
    ),
]


@pytest.mark.parametrize(("rule", "spec", "layer", "said"), REFUSALS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_policy_refuses_in_kubernetes_words(
    policies: Policies, rule: str, spec: dict[str, Any], layer: dict[str, Any], said: str
) -> None:
    found = admitted(one_container(layer), policies(psp(**spec)))
    assert found.refusal == f'pods "test" is forbidden: PodSecurityPolicy: unable to admit pod: [{said}]'
    assert [entry[0] for entry in errors(found)] == [f"psp-{rule}"]
    assert found.refused_by == "psp:policy"


@pytest.mark.parametrize(("spec", "layer"), PASSES)
def test_a_policy_takes_a_pod_that_it_need_not_change(policies: Policies, spec: dict[str, Any], layer: dict[str, Any]) -> None:
    found = admitted(one_container(layer), policies(psp(**spec)))
    assert (found.refusal, [entry.rule.id for entry in found.findings]) == ("", ["psp-admitted"])


DEFAULTS = [
    ({"fsGroup": {"rule": "MustRunAs", "ranges": [{"min": 7, "max": 9}]}}, {"spec.securityContext.fsGroup": 7}),
    (
        {"supplementalGroups": {"rule": "MustRunAs", "ranges": [{"min": 7, "max": 9}]}},
        {"spec.securityContext.supplementalGroups": [7]},
    ),
    (
        {"seLinux": {"rule": "MustRunAs", "seLinuxOptions": {"level": "s0"}}},
        {"spec.securityContext.seLinuxOptions": {"level": "s0"}},
    ),
    (
        {"runtimeClass": {"allowedRuntimeClassNames": ["kata"], "defaultRuntimeClassName": "kata"}},
        {"spec.runtimeClassName": "kata"},
    ),
    (
        {"runAsUser": {"rule": "MustRunAs", "ranges": [{"min": 7, "max": 9}]}},
        {f"{C}.securityContext.runAsUser": 7},
    ),
    ({"runAsUser": {"rule": "MustRunAsNonRoot"}}, {f"{C}.securityContext.runAsNonRoot": True}),
    (
        {"runAsGroup": {"rule": "MustRunAs", "ranges": [{"min": 7, "max": 9}]}},
        {f"{C}.securityContext.runAsGroup": 7},
    ),
    (
        {"defaultAddCapabilities": ["foo"], "requiredDropCapabilities": ["bar"]},
        {f"{C}.securityContext.capabilities": {"add": ["foo"], "drop": ["bar"]}},
    ),
    ({"readOnlyRootFilesystem": True}, {f"{C}.securityContext.readOnlyRootFilesystem": True}),
    ({"allowPrivilegeEscalation": False}, {f"{C}.securityContext.allowPrivilegeEscalation": False}),
    ({"defaultAllowPrivilegeEscalation": True}, {f"{C}.securityContext.allowPrivilegeEscalation": True}),
]


@pytest.mark.parametrize(("spec", "filled_in"), DEFAULTS)
def test_a_policy_fills_in_what_the_pod_leaves_open(
    policies: Policies, spec: dict[str, Any], filled_in: dict[str, Any]
) -> None:
    found = admitted(one_container(), policies(psp(**spec)))
    wanted = pod({"spec.initContainers": None}, filled_in, {"metadata.annotations": {"kubernetes.io/psp": "policy"}})
    assert found.reading.values == wanted
    notes = {entry.path: entry.value for entry in found.findings if entry.rule.id == "psp-default"}
    assert notes == filled_in


def test_the_pod_that_goes_on_is_the_changed_one(policies: Policies) -> None:
    spec = {"runAsUser": {"rule": "MustRunAs", "ranges": [{"min": 7, "max": 9}]}, "requiredDropCapabilities": ["NET_RAW"]}
    changed = admitted(pod(), policies(psp(**spec))).reading.pod
    assert changed is not None
    assert changed.annotations == {"kubernetes.io/psp": "policy"}
    for container in (*changed.init_containers, *changed.containers):
        assert container.security_context.run_as_user == 7
        assert container.security_context.capabilities_drop == ("NET_RAW",)


def test_a_default_capability_that_the_container_drops_is_not_added(policies: Policies) -> None:
    layer = {f"{C}.securityContext.capabilities.drop": ["foo"]}
    found = admitted(one_container(layer), policies(psp(defaultAddCapabilities=["foo"])))
    assert [entry.rule.id for entry in found.findings] == ["psp-admitted"]


def test_a_container_inherits_what_the_pod_says_before_anything_is_filled_in(policies: Policies) -> None:
    spec = {"runAsUser": {"rule": "MustRunAs", "ranges": [{"min": 7, "max": 9}]}}
    found = admitted(one_container({"spec.securityContext.runAsUser": 8}), policies(psp(**spec)))
    assert [entry.rule.id for entry in found.findings] == ["psp-admitted"]


def seccomp(policies: Policies, allowed: str | None, layer: dict[str, Any], default: str = "") -> Admission:
    annotations = {f"{SECCOMP}/allowedProfileNames": allowed} if allowed is not None else {}
    if default:
        annotations[f"{SECCOMP}/defaultProfileName"] = default
    return admitted(one_container(layer), policies(psp(annotations=annotations)))


@pytest.mark.parametrize(
    ("allowed", "layer", "said"),
    [
        (None, {}, ""),
        ("*", {"metadata.annotations": {POD_SECCOMP: "localhost/foo"}}, ""),
        ("localhost/foo", {"metadata.annotations": {POD_SECCOMP: "localhost/foo"}}, ""),
        ("runtime/default", {"spec.securityContext.seccompProfile": {"type": "RuntimeDefault"}}, ""),
        (
            None,
            {"metadata.annotations": {POD_SECCOMP: "localhost/foo"}},
            f"pod.metadata.annotations[{POD_SECCOMP}]: Forbidden: seccomp may not be set "
            f"pod.metadata.annotations[{C_SECCOMP}]: Forbidden: seccomp may not be set",
        ),
        (
            "*",
            {f"{C}.securityContext.seccompProfile": {"type": "Unconfined"}},
            "",
        ),
        (
            "localhost/foo",
            {"metadata.annotations": {POD_SECCOMP: "localhost/foo", C_SECCOMP: "localhost/bar"}},
            f"pod.metadata.annotations[{C_SECCOMP}]: Forbidden: localhost/bar is not an allowed seccomp profile. "
            "Valid values are localhost/foo",
        ),
        (
            "runtime/default",
            {
                "spec.securityContext.seccompProfile": {"type": "RuntimeDefault"},
                f"{C}.securityContext.seccompProfile": {"type": "Unconfined"},
            },
            f"pod.metadata.annotations[{C_SECCOMP}]: Forbidden: unconfined is not an allowed seccomp profile. "
            "Valid values are runtime/default",
        ),
    ],
)
def test_seccomp_profiles_are_those_of_the_policys_annotation(
    policies: Policies, allowed: str | None, layer: dict[str, Any], said: str
) -> None:
    refusal = f'pods "test" is forbidden: PodSecurityPolicy: unable to admit pod: [{said}]' if said else ""
    assert seccomp(policies, allowed, layer).refusal == refusal


def test_the_default_seccomp_profile_becomes_annotation_and_field(policies: Policies) -> None:
    values = seccomp(policies, "runtime/default", {}, default="runtime/default").reading.values
    assert values["metadata"]["annotations"][POD_SECCOMP] == "runtime/default"
    assert values["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


@pytest.mark.parametrize(
    ("annotations", "profile", "said"),
    [
        ({}, "", ""),
        ({}, "localhost/foo", ""),
        ({f"{APP_ARMOR}/allowedProfileNames": "runtime/default"}, "runtime/default", ""),
        ({f"{APP_ARMOR}/allowedProfileNames": "runtime/default"}, "", "Forbidden: AppArmor profile must be set"),
        (
            {f"{APP_ARMOR}/allowedProfileNames": "runtime/default"},
            "localhost/foo",
            'Forbidden: localhost/foo is not an allowed profile. Allowed values: "runtime/default"',
        ),
    ],
)
def test_app_armor_profiles_are_those_of_the_policys_annotation(
    policies: Policies, annotations: dict[str, str], profile: str, said: str
) -> None:
    layer = {"metadata.annotations": {C_APP_ARMOR: profile}} if profile else {}
    found = admitted(one_container(layer), policies(psp(annotations=annotations)))
    assert [entry[2] for entry in errors(found)] == ([said] if said else [])


def test_the_default_app_armor_profile_is_set_for_each_container(policies: Policies) -> None:
    annotations = {f"{APP_ARMOR}/defaultProfileName": "runtime/default"}
    found = admitted(pod(), policies(psp(annotations=annotations)))
    assert found.reading.values["metadata"]["annotations"] == {
        C_APP_ARMOR: "runtime/default",
        f"container.{APP_ARMOR}/i": "runtime/default",
        "kubernetes.io/psp": "policy",
    }


MUTATING = {"runAsUser": {"rule": "MustRunAs", "ranges": [{"min": 1, "max": 9}]}}


@pytest.mark.parametrize(
    ("given", "chosen", "uid"),
    [
        ([psp("mutating2", **MUTATING), psp("mutating1", **MUTATING), psp("privileged")], "privileged", None),
        ([psp("mutating2", **MUTATING), psp("mutating1", **MUTATING)], "mutating1", 1),
        ([psp("b"), psp("a")], "a", None),
    ],
)
def test_of_several_policies_one_that_need_not_change_the_pod_is_chosen_then_the_first_by_name(
    policies: Policies, given: list[dict[str, Any]], chosen: str, uid: int | None
) -> None:
    found = admitted(one_container(), policies(*given)).reading.pod
    assert found is not None
    assert (found.annotations["kubernetes.io/psp"], found.containers[0].security_context.run_as_user) == (chosen, uid)


def test_the_annotation_of_another_time_does_not_count(policies: Policies) -> None:
    layer = {"metadata.annotations": {"kubernetes.io/psp": "mutating2"}}
    found = admitted(one_container(layer), policies(psp("mutating1", **MUTATING), psp("mutating2", **MUTATING)))
    assert found.reading.values["metadata"]["annotations"] == {"kubernetes.io/psp": "mutating1"}


def test_when_no_policy_takes_the_pod_all_that_they_say_is_said_in_the_order_of_their_names(policies: Policies) -> None:
    given = policies(psp("b", volumes=[]), psp("a"))
    found = admitted(one_container({"spec.hostPID": True, "spec.volumes": [{"name": "v"}]}), given)
    assert found.refusal == (
        'pods "test" is forbidden: unable to validate against any pod security policy: ['
        "spec.securityContext.hostPID: Invalid value: true: Host PID is not allowed to be used "
        "spec.securityContext.hostPID: Invalid value: true: Host PID is not allowed to be used "
        'spec.volumes[0]: Invalid value: "emptyDir": emptyDir volumes are not allowed to be used]'
    )
    assert [entry.hint.partition("(")[2] for entry in found.findings] == [
        'PodSecurityPolicy "a")',
        'PodSecurityPolicy "b")',
        'PodSecurityPolicy "b")',
    ]


def test_init_containers_are_checked_before_the_others(policies: Policies) -> None:
    layer = {f"{C}.securityContext.privileged": True, f"{I}.securityContext.privileged": True}
    paths = [entry[1] for entry in errors(admitted(pod(layer), policies(psp())))]
    assert paths == [f"{I}.securityContext.privileged", f"{C}.securityContext.privileged"]


DOCUMENTED = {
    "spec.securityContext.sysctls": [
        {"name": "net.core.somaxconn", "value": "1024"},
        {"name": "kernel.msgmax", "value": "65536"},
    ]
}


def test_the_documentations_own_sysctl_pod_is_refused_under_ack_privileged_alone() -> None:
    found = admitted(one_container(DOCUMENTED), "psp:ack.privileged")
    assert found.refusal == (
        'pods "test" is forbidden: PodSecurityPolicy: unable to admit pod: ['
        'pod.spec.securityContext.sysctls[0]: Forbidden: unsafe sysctl "net.core.somaxconn" is not allowed '
        'pod.spec.securityContext.sysctls[1]: Forbidden: unsafe sysctl "kernel.msgmax" is not allowed]'
    )


def test_the_policy_for_unsafe_sysctls_admits_it_alone_and_beside_ack_privileged() -> None:
    for wanted in (["psp:ack.allow-unsafe-sysctls"], ["psp:ack.privileged", "psp:ack.allow-unsafe-sysctls"]):
        found = admitted(one_container(DOCUMENTED), *wanted)
        assert found.reading.values["metadata"]["annotations"] == {"kubernetes.io/psp": "psp.allow-unsafe-sysctls"}


def test_ack_privileged_takes_everything_else() -> None:
    layers = ({"spec.hostNetwork": True, "spec.hostPID": True, f"{C}.securityContext.privileged": True},)
    assert admitted(one_container(*layers), "psp:ack.privileged").refusal == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"runAsUser": {"rule": "Sometimes"}},
            'spec.runAsUser.rule: Unsupported value: "Sometimes": supported values: '
            '"MustRunAs", "MustRunAsNonRoot", "RunAsAny"',
        ),
        ({"runAsUser": {"rule": "MustRunAs"}}, "spec.runAsUser.ranges: Required value: must provide at least one range"),
        (
            {"fsGroup": {"rule": "MayRunAs", "ranges": [{"min": 5, "max": 1}]}},
            "spec.fsGroup.ranges[0].min: Invalid value: 5: min cannot be greater than max",
        ),
        ({"seLinux": {"rule": "MustRunAs"}}, "spec.seLinux.seLinuxOptions: Required value: MustRunAs requires SELinuxOptions"),
        ({"volumes": ["floppy"]}, 'spec.volumes: Unsupported value: "floppy": supported values: "*", "awsElasticBlockStore", '),
        (
            {"requiredDropCapabilities": ["A"], "allowedCapabilities": ["*"]},
            'requiredDropCapabilities: Invalid value: ["A"]: must be empty when all capabilities are allowed by a wildcard',
        ),
        (
            {"requiredDropCapabilities": ["A"], "allowedCapabilities": ["A"]},
            'allowedCapabilities: Invalid value: "A": capability is listed in allowedCapabilities and requiredDropCapabilities',
        ),
        (
            {"allowPrivilegeEscalation": False, "defaultAllowPrivilegeEscalation": True},
            "spec.defaultAllowPrivilegeEscalation: Invalid value: true: Cannot set DefaultAllowPrivilegeEscalation to true "
            "without also setting AllowPrivilegeEscalation to true",
        ),
        (
            {"allowedHostPaths": [{"pathPrefix": "/a/../b"}]},
            "spec.allowedHostPaths[0]: Invalid value: \"/a/../b\": must not contain '..'",
        ),
        (
            {"allowedUnsafeSysctls": ["net.*"], "forbiddenSysctls": ["net.ipv4.*"]},
            'spec.allowedUnsafeSysctls[0]: Invalid value: "net.*": sysctl overlaps with net.ipv4.*',
        ),
        (
            {"runtimeClass": {"allowedRuntimeClassNames": ["a"], "defaultRuntimeClassName": "b"}},
            'spec.runtimeClass.allowedRuntimeClassNames: Required value: default "b" must be allowed',
        ),
    ],
)
def test_a_policy_that_the_api_would_refuse_is_refused(policies: Policies, change: dict[str, Any], said: str) -> None:
    with pytest.raises(PolicyUnreadable) as caught:
        load_gates([policies(psp(**change))])
    assert caught.value.message.startswith(f'Can\'t take PodSecurityPolicy "policy" at {policies(psp(**change))}:1:1: {said}')


def test_an_unknown_field_of_a_policy_is_not_passed_over(policies: Policies) -> None:
    with pytest.raises(PolicyUnreadable) as caught:
        load_gates([policies(psp(priviledged=True))])
    assert caught.value.message.endswith('spec.priviledged: unknown field "priviledged"')
    assert caught.value.hint == "did you mean privileged?"


def test_every_rule_of_a_policy_has_a_pod_that_it_refuses() -> None:
    refused = {f"psp-{rule}" for rule, *_rest in REFUSALS} | {"psp-seccomp", "psp-app-armor"}
    notes = {"psp-admitted", "psp-default"}
    assert {rule for rule in admission_rules() if rule.startswith("psp-")} == refused | notes
