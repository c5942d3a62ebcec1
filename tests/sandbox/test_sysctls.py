"""Sysctls as the workload reads them, and what the host keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.sandbox


def sysctls(**values: str) -> str:
    entries = "".join(f'  - {{name: "{name}", value: "{value}"}}\n' for name, value in values.items())
    return f"securityContext:\n  sysctls:\n{entries}"


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("net.core.somaxconn", "1024", "1024"),
        ("net/core/somaxconn", "77", "77"),
        ("kernel.msgmax", "65536", "65536"),
        ("kernel.msgmni", "100", "100"),
        ("kernel.msgmnb", "200", "200"),
        ("kernel.shmmax", "1048576", "1048576"),
        ("kernel.shmall", "4096", "4096"),
        ("kernel.shmmni", "128", "128"),
        ("kernel.sem", "250 32000 100 128", "250\t32000\t100\t128"),
        ("fs.mqueue.msg_max", "20", "20"),
        ("fs.mqueue.queues_max", "300", "300"),
        ("net.ipv4.ip_local_port_range", "1024 65000", "1024\t65000"),
        ("net.ipv4.ip_forward", "1", "1"),
        ("net.ipv4.tcp_keepalive_time", "0x10", "16"),
        ("net.ipv4.ping_group_range", "0 10", "0\t10"),
        ("net.ipv4.conf.lo.rp_filter", "1", "1"),
        ("net.unix.max_dgram_qlen", "64", "64"),
    ],
)
def test_a_namespaced_sysctl_is_really_set(ecirun, pod_file, name, value, read):
    path = "/proc/sys/" + name.replace(".", "/")
    before = Path(path).read_text() if Path(path).exists() else None
    result = ecirun("run", pod_file(pod=sysctls(**{name: value})), "--", "cat", path)
    assert result == (0, read + "\n", "")
    assert (Path(path).read_text() if Path(path).exists() else None) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("net.core.rmem_max", "425984"),
        ("net.core.netdev_max_backlog", "5000"),
        ("vm.min_free_kbytes", "4096"),
    ],
)
def test_a_sysctl_of_the_whole_host_is_shown_with_a_warning(ecirun, pod_file, name, value):
    path = "/proc/sys/" + name.replace(".", "/")
    # In a container's network namespace the host itself may not have the key.
    before = Path(path).read_text() if Path(path).exists() else None
    file = pod_file(pod=sysctls(**{name: value}))
    result = ecirun("run", file, "--", "sh", "-c", f"cat {path}; echo 1 > {path}")
    assert (result.code, result.stdout) == (1, value + "\n")
    warning, refusal = result.stderr.splitlines()
    assert warning.startswith(f"ecirun: warning: sysctl {name} is only shown to the workload: ")
    assert refusal == f"sh: can't create {path}: Read-only file system"
    assert (Path(path).read_text() if Path(path).exists() else None) == before


def test_strict_refuses_what_can_only_be_shown(ecirun, pod_file):
    result = ecirun("run", "--sysctls", "strict", pod_file(pod=sysctls(**{"vm.min_free_kbytes": "4096"})), "--", "true")
    assert result == (
        125,
        "",
        "ecirun: error: Can't give the pod its own sysctl vm.min_free_kbytes: this kernel has one value for the whole host\n"
        "    hint: leave out --sysctls strict to show the value to the workload without effect\n",
    )


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("net.core.somaxconn", "abc", "Invalid argument"),
        ("net.core.somaxconn", "-1", "Invalid argument"),
        ("kernel.shmmni", "40000", "Invalid argument"),
        ("fs.mqueue.msg_max", "0", "Invalid argument"),
        ("vm.min_free_kbytes", "abc", "Invalid argument"),
        ("net.ipv4.tcp_congestion_control", "nosuch", "No such file or directory"),
    ],
)
def test_a_value_that_the_kernel_refuses_fails_the_launch(ecirun, pod_file, name, value, error):
    result = ecirun("run", "-q", pod_file(pod=sysctls(**{name: value})), "--", "echo", "ran")
    assert (result.code, result.stdout) == (125, "")
    assert result.stderr.splitlines()[0] == f'ecirun: error: Can\'t set sysctl {name} to "{value}": {error}'


def test_a_sysctl_that_the_kernel_does_not_have_fails_the_launch(ecirun, pod_file):
    result = ecirun("run", pod_file(pod=sysctls(**{"net.ipv4.no_such_key": "1"})), "--", "echo", "ran")
    assert result == (
        125,
        "",
        "ecirun: error: Can't set sysctl net.ipv4.no_such_key: this kernel has no /proc/sys/net/ipv4/no_such_key\n"
        "    hint: check the spelling, or load the kernel module that brings the key\n",
    )


def test_defaults_are_those_of_a_fresh_namespace(in_pod):
    result = in_pod("cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range")
    assert result.stdout == "1024\n1\t0\n"


def test_the_workload_cannot_write_a_sysctl(in_pod):
    result = in_pod("echo 1 > /proc/sys/net/core/somaxconn")
    assert (result.code, result.stderr) == (1, "sh: can't create /proc/sys/net/core/somaxconn: Read-only file system\n")
