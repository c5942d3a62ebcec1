"""The Pod Security Standards: one passing and one failing pod for every check and every version that changed it."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from admission.pods import RESTRICTED, C, I, admitted, errors, pod
from ecirun.policy.admission.outcome import admission_rules
from ecirun.policy.admission.standards import CHECKS, MODULES, NEWEST, checks_of
from ecirun.spec.rules import Rule


class Case(NamedTuple):
    """A pod that a level of some versions forbids, in upstream's words, and others let pass."""

    id: str  # upstream's
    level: str
    forbids: tuple[str, ...]  # versions
    passes: tuple[str, ...]
    layer: dict[str, Any]
    path: str = ""
    reason: str = ""
    detail: str = ""


LATEST = ("latest", "v1.99")

CASES = [
    Case(
        "allowPrivilegeEscalation",
        "restricted",
        ("v1.8", "v1.24", *LATEST),
        ("v1.7",),
        {f"{C}.securityContext.allowPrivilegeEscalation": None, f"{I}.securityContext.allowPrivilegeEscalation": True},
        f"{I}.securityContext.allowPrivilegeEscalation",
        "allowPrivilegeEscalation != false",
        'containers "i", "c" must set securityContext.allowPrivilegeEscalation=false',
    ),
    Case(
        "allowPrivilegeEscalation",
        "restricted",
        ("v1.8", "v1.24"),
        ("v1.7", "v1.25", *LATEST),
        {f"{C}.securityContext.allowPrivilegeEscalation": None, "spec.os": {"name": "windows"}},
        f"{C}.securityContext.allowPrivilegeEscalation",
        "allowPrivilegeEscalation != false",
        'container "c" must set securityContext.allowPrivilegeEscalation=false',
    ),
    Case(
        "appArmorProfile",
        "baseline",
        ("v1.0", *LATEST),
        (),
        {"metadata.annotations": {"container.apparmor.security.beta.kubernetes.io/c": "unconfined"}},
        "metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]",
        "forbidden AppArmor profile",
        'annotation must not set AppArmor profile type to "container.apparmor.security.beta.kubernetes.io/c="unconfined""',
    ),
    Case(
        "appArmorProfile",
        "baseline",
        ("v1.0", *LATEST),
        (),
        {
            "spec.securityContext.appArmorProfile": {"type": "Unconfined"},
            f"{C}.securityContext.appArmorProfile": {"type": "Unconfined"},
        },
        "spec.securityContext.appArmorProfile.type",
        "forbidden AppArmor profile",
        'pod and container "c" must not set AppArmor profile type to "Unconfined"',
    ),
    Case(
        "appArmorProfile",
        "baseline",
        (),
        ("v1.0", *LATEST),
        {
            "metadata.annotations": {
                "container.apparmor.security.beta.kubernetes.io/c": "localhost/mine",
                "container.apparmor.security.beta.kubernetes.io/i": "runtime/default",
            },
            f"{C}.securityContext.appArmorProfile": {"type": "Localhost", "localhostProfile": "mine"},
        },
    ),
    Case(
        "capabilities_baseline",
        "baseline",
        ("v1.0", *LATEST),
        (),
        {
            f"{C}.securityContext.capabilities.add": ["NET_RAW", "CHOWN"],
            f"{I}.securityContext.capabilities.add": ["chown"],
        },
        f"{I}.securityContext.capabilities.add[0]",
        "non-default capabilities",
        'containers "i", "c" must not include "NET_RAW", "chown" in securityContext.capabilities.add',
    ),
    Case(
        "capabilities_baseline",
        "baseline",
        (),
        ("v1.0", *LATEST),
        {f"{C}.securityContext.capabilities.add": ["NET_BIND_SERVICE", "SETFCAP"]},
    ),
    Case(
        "capabilities_restricted",
        "restricted",
        ("v1.22", *LATEST),
        ("v1.21",),
        {f"{C}.securityContext.capabilities": {"drop": ["CHOWN"], "add": ["CHOWN", "NET_BIND_SERVICE"]}},
        f"{C}.securityContext.capabilities.drop",
        "unrestricted capabilities",
        'container "c" must set securityContext.capabilities.drop=["ALL"]; '
        'container "c" must not include "CHOWN" in securityContext.capabilities.add',
    ),
    Case(
        "capabilities_restricted",
        "restricted",
        ("v1.22", "v1.24"),
        ("v1.25", *LATEST),
        {f"{C}.securityContext.capabilities": {"drop": ["CHOWN"]}, "spec.os": {"name": "windows"}},
        f"{C}.securityContext.capabilities.drop",
        "unrestricted capabilities",
        'container "c" must set securityContext.capabilities.drop=["ALL"]',
    ),
    Case(
        "hostNamespaces",
        "baseline",
        ("v1.0", *LATEST),
        (),
        {"spec.hostNetwork": True, "spec.hostPID": True, "spec.hostIPC": True},
        "spec.hostNetwork",
        "host namespaces",
        "hostNetwork=true, hostPID=true, hostIPC=true",
    ),
    Case("hostNamespaces", "baseline", (), ("v1.0", *LATEST), {"spec.hostNetwork": False}),
    Case(
        "hostPathVolumes",
        "baseline",
        ("v1.0", *LATEST),
        (),
        {"spec.volumes": [{"name": "ok", "emptyDir": {}}, {"name": "a", "hostPath": {"path": "/a"}}]},
        "spec.volumes[1].hostPath",
        "hostPath volumes",
        'volume "a"',
    ),
    Case("hostPathVolumes", "baseline", (), ("v1.0", *LATEST), {"spec.volumes": [{"name": "a"}]}),
    Case(
        "hostPorts",
        "baseline",
        ("v1.0", *LATEST),
        (),
        {
            f"{C}.ports": [{"containerPort": 1, "hostPort": 9001}, {"containerPort": 2}],
            f"{I}.ports": [{"containerPort": 1, "hostPort": 9000}],
        },
        f"{I}.ports[0].hostPort",
        "hostPort",
        'containers "i", "c" use hostPorts 9000, 9001',
    ),
    Case("hostPorts", "baseline", (), ("v1.0", *LATEST), {f"{C}.ports": [{"containerPort": 1, "hostPort": 0}]}),
    Case(
        "hostProbesAndHostLifecycle",
        "baseline",
        ("v1.34", *LATEST),
        ("v1.0", "v1.33"),
        {
            f"{C}.livenessProbe": {"httpGet": {"port": 1, "host": "a.example"}},
            f"{C}.lifecycle": {"preStop": {"tcpSocket": {"port": 1, "host": "b.example"}}},
        },
        f"{C}.livenessProbe.httpGet.host",
        "probe or lifecycle host",
        'container "c" uses probe or lifecycle hosts "a.example", "b.example"',
    ),
    Case(
        "hostProbesAndHostLifecycle",
        "baseline",
        (),
        ("v1.34", *LATEST),
        {f"{C}.livenessProbe": {"httpGet": {"port": 1, "host": ""}}},
    ),
    Case(
        "privileged",
        "baseline",
        ("v1.0", *LATEST),
        (),
        {f"{C}.securityContext": {"privileged": True}, f"{I}.securityContext": {"privileged": True}},
        f"{I}.securityContext.privileged",
        "privileged",
        'containers "i", "c" must not set securityContext.privileged=true',
    ),
    Case("privileged", "baseline", (), ("v1.0", *LATEST), {f"{C}.securityContext": {"privileged": False}}),
    Case(
        "procMount",
        "baseline",
        ("v1.0", "v1.34"),
        ("v1.35", *LATEST),
        {f"{C}.securityContext": {"procMount": "Unmasked"}, "spec.hostUsers": False},
        f"{C}.securityContext.procMount",
        "procMount",
        'container "c" must not set securityContext.procMount to "Unmasked"',
    ),
    Case("procMount", "baseline", (), ("v1.0", *LATEST), {f"{C}.securityContext": {"procMount": "Default"}}),
    Case(
        "procMount_restricted",
        "restricted",
        ("v1.35", *LATEST),
        ("v1.34",),  # the baseline's check is as strict there
        {f"{C}.securityContext.procMount": "Unmasked", "spec.hostUsers": False},
        f"{C}.securityContext.procMount",
        "procMount",
        'container "c" must not set securityContext.procMount to "Unmasked"',
    ),
    Case("procMount_restricted", "restricted", (), LATEST, {f"{C}.securityContext.procMount": "Default"}),
    Case(
        "restrictedVolumes",
        "restricted",
        ("v1.0", *LATEST),
        (),
        {
            "spec.volumes": [
                {"name": "a", "hostPath": {"path": "/a"}},
                {"name": "b", "nfs": {"server": "s", "path": "/"}},
                {"name": "c", "secret": {"secretName": "s"}},
            ]
        },
        "spec.volumes[0].hostPath",
        "restricted volume types",
        'volumes "a", "b" use restricted volume types "hostPath", "nfs"',
    ),
    Case(
        "restrictedVolumes",
        "restricted",
        (),
        ("v1.0", *LATEST),
        {"spec.volumes": [{"name": "a"}, {"name": "b", "image": {"reference": "busybox"}}, {"name": "c", "emptyDir": {}}]},
    ),
    Case(
        "runAsNonRoot",
        "restricted",
        ("v1.0", *LATEST),
        (),
        {"spec.securityContext.runAsNonRoot": None, f"{C}.securityContext.runAsNonRoot": True},
        f"{I}.securityContext.runAsNonRoot",
        "runAsNonRoot != true",
        'pod or container "i" must set securityContext.runAsNonRoot=true',
    ),
    Case(
        "runAsNonRoot",
        "restricted",
        ("v1.0", "v1.34"),
        ("v1.35", *LATEST),
        {
            "spec.securityContext.runAsNonRoot": False,
            f"{C}.securityContext.runAsNonRoot": False,
            "spec.hostUsers": False,
        },
        "spec.securityContext.runAsNonRoot",
        "runAsNonRoot != true",
        'pod and container "c" must not set securityContext.runAsNonRoot=false',
    ),
    Case(
        "runAsUser",
        "restricted",
        ("v1.23", "v1.34"),
        ("v1.22", "v1.35", *LATEST),
        {
            "spec.securityContext.runAsUser": 0,
            "spec.securityContext.runAsNonRoot": True,
            f"{C}.securityContext.runAsUser": 0,
            f"{I}.securityContext.runAsUser": 1,
            "spec.hostUsers": False,
        },
        "spec.securityContext.runAsUser",
        "runAsUser=0",
        'pod and container "c" must not set runAsUser=0',
    ),
    Case(
        "runAsUser",
        "restricted",
        LATEST,
        ("v1.22",),
        {f"{C}.securityContext.runAsUser": 0},
        f"{C}.securityContext.runAsUser",
        "runAsUser=0",
        'container "c" must not set runAsUser=0',
    ),
    Case(
        "seLinuxOptions",
        "baseline",
        ("v1.0", "v1.30"),
        ("v1.31", *LATEST),
        {"spec.securityContext.seLinuxOptions": {"type": "container_engine_t"}},
        "spec.securityContext.seLinuxOptions.type",
        "seLinuxOptions",
        'pod set forbidden securityContext.seLinuxOptions: type "container_engine_t"',
    ),
    Case(
        "seLinuxOptions",
        "baseline",
        ("v1.0", *LATEST),
        (),
        {
            f"{C}.securityContext.seLinuxOptions": {"type": "spc_t", "user": "u", "level": "s0"},
            f"{I}.securityContext.seLinuxOptions": {"role": "r"},
        },
        f"{I}.securityContext.seLinuxOptions.role",
        "seLinuxOptions",
        'containers "i", "c" set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set; '
        "role may not be set",
    ),
    Case("seLinuxOptions", "baseline", (), ("v1.0", *LATEST), {f"{C}.securityContext.seLinuxOptions": {"type": "container_t"}}),
    Case(
        "seccompProfile_baseline",
        "baseline",
        ("v1.0", "v1.18"),
        ("v1.19", *LATEST),
        {"metadata.annotations": {"container.seccomp.security.alpha.kubernetes.io/c": "unconfined"}},
        "metadata.annotations[container.seccomp.security.alpha.kubernetes.io/c]",
        "seccompProfile",
        'forbidden annotation container.seccomp.security.alpha.kubernetes.io/c="unconfined"',
    ),
    Case(
        "seccompProfile_baseline",
        "baseline",
        ("v1.19", *LATEST),
        ("v1.0", "v1.18"),
        {
            "spec.securityContext.seccompProfile": {"type": "Unconfined"},
            f"{C}.securityContext.seccompProfile": {"type": "Unconfined"},
        },
        "spec.securityContext.seccompProfile.type",
        "seccompProfile",
        'pod and container "c" must not set securityContext.seccompProfile.type to "Unconfined"',
    ),
    Case(
        "seccompProfile_restricted",
        "restricted",
        ("v1.19", "v1.24", *LATEST),
        ("v1.18",),
        {
            "spec.securityContext.seccompProfile": None,
            f"{C}.securityContext.seccompProfile": {"type": "Localhost", "localhostProfile": "a"},
        },
        f"{I}.securityContext.seccompProfile",
        "seccompProfile",
        'pod or container "i" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"',
    ),
    Case(
        "seccompProfile_restricted",
        "restricted",
        ("v1.19", "v1.24"),
        ("v1.25", *LATEST),
        {"spec.securityContext.seccompProfile": {"type": "Unconfined"}, "spec.os": {"name": "windows"}},
        "spec.securityContext.seccompProfile.type",
        "seccompProfile",
        'pod must not set securityContext.seccompProfile.type to "Unconfined"',
    ),
    *(
        Case(
            "sysctls",
            "baseline",
            forbids,
            passes,
            {"spec.securityContext.sysctls": [{"name": name, "value": "1"}]},
            "spec.securityContext.sysctls[0].name",
            "forbidden sysctls",
            name,
        )
        for name, forbids, passes in (
            ("net.ipv4.tcp_syncookies", (), ("v1.0", *LATEST)),
            ("net/ipv4/tcp_syncookies", ("v1.0", *LATEST), ()),
            ("net.core.somaxconn", ("v1.0", *LATEST), ()),
            ("net.ipv4.ip_local_reserved_ports", ("v1.0", "v1.26"), ("v1.27", *LATEST)),
            ("net.ipv4.tcp_keepalive_time", ("v1.0", "v1.28"), ("v1.29", *LATEST)),
            ("net.ipv4.tcp_rmem", ("v1.0", "v1.31"), ("v1.32", *LATEST)),
            ("net.ipv4.tcp_notsent_lowat", ("v1.0", "v1.36"), ("v1.37", *LATEST)),
        )
    ),
    Case(
        "windowsHostProcess",
        "baseline",
        ("v1.0", *LATEST),
        (),
        {
            "spec.securityContext.windowsOptions": {"hostProcess": True},
            f"{C}.securityContext.windowsOptions": {"hostProcess": True},
            "spec.hostNetwork": False,
        },
        "spec.securityContext.windowsOptions.hostProcess",
        "hostProcess",
        'pod and container "c" must not set securityContext.windowsOptions.hostProcess=true',
    ),
    Case(
        "windowsHostProcess",
        "baseline",
        (),
        ("v1.0", *LATEST),
        {f"{C}.securityContext.windowsOptions": {"hostProcess": False}},
    ),
]

RULES = {check.id: check.rule for check in CHECKS}


def judged(case: Case) -> dict[str, Any]:
    return pod(RESTRICTED if case.level == "restricted" else {}, case.layer)


@pytest.mark.parametrize(
    ("case", "version"), [pytest.param(case, version, id=f"{case.id}-{version}") for case in CASES for version in case.forbids]
)
def test_a_pod_that_a_version_forbids_is_refused_in_its_words(case: Case, version: str) -> None:
    found = admitted(judged(case), f"pss:{case.level}@{version}")
    message = f'violates PodSecurity "{case.level}:{version}": {case.reason} ({case.detail})'
    # In older versions, and for some pods, a check of the baseline stands in.
    assert [entry for entry in errors(found) if entry[1:] == (case.path, message)]
    assert message.removeprefix("violates ") in found.refusal


@pytest.mark.parametrize(
    ("case", "version"), [pytest.param(case, version, id=f"{case.id}-{version}") for case in CASES for version in case.passes]
)
def test_a_pod_that_a_version_does_not_forbid_passes_the_check(case: Case, version: str) -> None:
    found = admitted(judged(case), f"pss:{case.level}@{version}")
    assert [entry for entry in errors(found) if entry[0] == RULES[case.id]] == []


@pytest.mark.parametrize("version", [*(f"v1.{minor}" for minor in range(NEWEST + 1)), "latest"])
def test_the_minimal_pods_pass_every_version(version: str) -> None:
    assert errors(admitted(pod(), f"pss:baseline@{version}")) == []
    assert errors(admitted(pod(RESTRICTED), f"pss:restricted@{version}")) == []


def test_the_privileged_level_lets_everything_pass() -> None:
    everything = pod(*(case.layer for case in CASES if case.level == "baseline"))
    assert admitted(everything, "pss:privileged").findings == ()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_every_check_has_a_pod_that_it_forbids_and_one_that_it_lets_pass_and_one_on_each_boundary(check: Any) -> None:
    cases = [case for case in CASES if case.id == check.id]
    assert any(case.forbids for case in cases)
    assert any(case.passes for case in cases)
    for version in check.versions[0 if check.versions[0].since else 1 :]:
        before, after = f"v1.{version.since - 1}", f"v1.{version.since}"
        assert any(
            (before in case.forbids and after in case.passes) or (before in case.passes and after in case.forbids)
            for case in cases
        )


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_the_versions_of_a_check_come_in_order_and_stand_in_only_for_checks_of_the_baseline(check: Any) -> None:
    minors = [version.since for version in check.versions]
    assert minors == sorted(set(minors))
    baseline = {other.id for other in CHECKS if other.level == "baseline"}
    overridden = {other for version in check.versions for other in version.overrides}
    assert overridden <= baseline
    assert check.level == "restricted" or not overridden


def test_ids_and_rules_are_unique_and_every_rule_has_its_texts() -> None:
    assert len({check.id for check in CHECKS}) == len(CHECKS) == len(MODULES)
    for check in CHECKS:
        assert isinstance(admission_rules()[check.rule], Rule)


def test_checks_run_in_upstreams_order_and_without_those_that_are_stood_in_for() -> None:
    assert [check.id for check, _forbids in checks_of("restricted", NEWEST)] == [
        "appArmorProfile",
        "hostNamespaces",
        "hostPorts",
        "hostProbesAndHostLifecycle",
        "privileged",
        "seLinuxOptions",
        "sysctls",
        "windowsHostProcess",
        "allowPrivilegeEscalation",
        "capabilities_restricted",
        "procMount_restricted",
        "restrictedVolumes",
        "runAsNonRoot",
        "runAsUser",
        "seccompProfile_restricted",
    ]
    assert [check.id for check, _forbids in checks_of("restricted", 0)] == [
        "appArmorProfile",
        "capabilities_baseline",
        "hostNamespaces",
        "hostPorts",
        "privileged",
        "procMount",
        "seLinuxOptions",
        "seccompProfile_baseline",
        "sysctls",
        "windowsHostProcess",
        "restrictedVolumes",
        "runAsNonRoot",
    ]


def test_all_violations_stand_in_one_sentence_in_order() -> None:
    found = admitted(pod({"spec.hostNetwork": True, f"{C}.securityContext.privileged": True}), "pss:baseline@1.25")
    assert found.refused_by == "pss:baseline@v1.25"
    assert found.refusal == (
        'pods "test" is forbidden: violates PodSecurity "baseline:v1.25": host namespaces (hostNetwork=true), '
        'privileged (container "c" must not set securityContext.privileged=true)'
    )


def test_the_hint_names_the_lines_of_the_other_places() -> None:
    found = admitted(pod({f"{C}.securityContext.privileged": True, f"{I}.securityContext.privileged": True}), "pss:baseline")
    hint = found.findings[0].hint
    assert hint == "remove privileged, and add the capabilities that the workload needs (also line 13)"


def test_ephemeral_containers_are_judged_too() -> None:
    debug = {"name": "d", "image": "busybox", "securityContext": {"privileged": True}}
    found = admitted(pod({"spec.ephemeralContainers": [debug]}), "pss:baseline")
    assert errors(found)[0][2].endswith('(container "d" must not set securityContext.privileged=true)')


def test_with_the_hosts_network_every_port_is_one_of_the_host() -> None:
    found = admitted(pod({"spec.hostNetwork": True, f"{C}.ports": [{"containerPort": 80}]}), "pss:baseline")
    assert 'hostPort (container "c" uses hostPort 80)' in found.refusal


def test_a_workload_is_judged_as_the_pods_that_it_would_make() -> None:
    job = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "nightly"},
        "spec": {
            "schedule": "0 3 * * *",
            "jobTemplate": {
                "spec": {
                    "template": {
                        "spec": {
                            "restartPolicy": "Never",
                            "hostPID": True,
                            "containers": [{"name": "c", "image": "busybox"}],
                        }
                    }
                }
            },
        },
    }
    assert errors(admitted(job, "pss:baseline")) == [
        (
            "pss-host-namespaces",
            "spec.jobTemplate.spec.template.spec.hostPID",
            'violates PodSecurity "baseline:latest": host namespaces (hostPID=true)',
        )
    ]
