"""The kubelet's rule about unsafe sysctls."""

from __future__ import annotations

import pytest

from admission.pods import admitted, errors, pod
from ecirun.errors import UsageError
from ecirun.policy.admission.kubelet import namespace_of
from ecirun.policy.admission.load import load_gates


def sysctls(*names: str) -> dict[str, object]:
    return {"spec.securityContext.sysctls": [{"name": name, "value": "1"} for name in names]}


def test_an_unsafe_sysctl_is_not_allowlisted() -> None:
    found = admitted(pod(sysctls("net.ipv4.tcp_syncookies", "net.core.somaxconn", "kernel.msgmax")), "kubelet")
    assert found.refusal == 'SysctlForbidden: forbidden sysctl: "net.core.somaxconn" not allowlisted'
    assert errors(found) == [
        (
            "kubelet-sysctl-forbidden",
            "spec.securityContext.sysctls[1].name",
            'forbidden sysctl: "net.core.somaxconn" not allowlisted',
        ),
        (
            "kubelet-sysctl-forbidden",
            "spec.securityContext.sysctls[2].name",
            'forbidden sysctl: "kernel.msgmax" not allowlisted',
        ),
    ]
    assert found.findings[0].hint == "remove it, or start the kubelet with --allowed-unsafe-sysctls=net.core.somaxconn"


@pytest.mark.parametrize("allowed", [("net.*", "kernel.msg*"), ("net/core/somaxconn", "kernel.msgmax")])
def test_what_the_flag_names_passes_however_it_is_spelled(allowed: tuple[str, ...]) -> None:
    wanted = pod(sysctls("net/core/somaxconn", "kernel.msgmax"))
    assert admitted(wanted, allowed=allowed).findings == ()


@pytest.mark.parametrize(
    ("field", "name", "said"),
    [
        ("hostNetwork", "net.ipv4.tcp_syncookies", '"net.ipv4.tcp_syncookies" not allowed with host net enabled'),
        ("hostIPC", "kernel.shm_rmid_forced", '"kernel.shm_rmid_forced" not allowed with host ipc enabled'),
        ("hostIPC", "net.ipv4.tcp_syncookies", ""),
    ],
)
def test_a_sysctl_of_a_namespace_that_is_the_hosts_is_refused(field: str, name: str, said: str) -> None:
    found = admitted(pod(sysctls(name), {f"spec.{field}": True}), "kubelet")
    assert [entry[2] for entry in errors(found)] == ([f"forbidden sysctl: {said}"] if said else [])


@pytest.mark.parametrize("pattern", ["vm.*", "*", "kernel.m*", "kernel.pid_max"])
def test_no_kubelet_starts_with_a_pattern_that_is_not_namespaced(pattern: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_gates(["kubelet"], [pattern])
    assert caught.value.message == f'Can\'t allow unsafe sysctls: the sysctls "{pattern}" are not known to be namespaced'


def test_a_pattern_that_is_no_pattern_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        load_gates(["kubelet"], ["net..x"])
    assert caught.value.message.startswith('Can\'t allow unsafe sysctls: sysctl "net..x" must have at most 253 characters')


@pytest.mark.parametrize(
    ("name", "namespace"),
    [
        ("kernel.sem", "ipc"),
        ("kernel.shmmax", "ipc"),
        ("fs.mqueue.msg_max", "ipc"),
        ("net.a", "net"),
        ("netx", ""),
        ("vm.a", ""),
    ],
)
def test_the_namespace_of_a_sysctl(name: str, namespace: str) -> None:
    assert namespace_of(name) == namespace
