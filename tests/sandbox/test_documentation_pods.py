"""The pods of ECI's own documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.sandbox


def test_the_sysctl_pod_reads_its_own_values_and_the_host_keeps_its_own(ecirun):
    before = Path("/proc/sys/net/core/somaxconn").read_text(), Path("/proc/sys/kernel/msgmax").read_text()
    result = ecirun("run", "example:sysctl", "--", "sh", "-c", "cat /proc/sys/net/core/somaxconn /proc/sys/kernel/msgmax")
    assert result == (0, "1024\n65536\n", "")
    assert (Path("/proc/sys/net/core/somaxconn").read_text(), Path("/proc/sys/kernel/msgmax").read_text()) == before


def test_without_net_admin_a_link_cannot_be_set_down(ecirun):
    result = ecirun("run", "example:network", "--", "ip", "link", "set", "lo", "down")
    assert (result.code, result.stdout, result.stderr) == (2, "", "ip: SIOCSIFFLAGS: Operation not permitted\n")


def test_without_net_admin_a_bridge_cannot_be_added(ecirun):
    result = ecirun("run", "example:network", "--", "ip", "link", "add", "br0", "type", "bridge")
    assert (result.code, result.stdout) == (2, "")
    assert result.stderr == "ip: RTNETLINK answers: Operation not permitted\n"


def test_with_net_admin_both_work(ecirun):
    command = "ip link set lo down && ip link add br0 type bridge && ip link show br0 | head -n 1"
    result = ecirun("run", "example:network-admin", "--", "sh", "-c", command)
    assert (result.code, result.stderr) == (0, "")
    assert result.stdout == "2: br0: <BROADCAST,MULTICAST> mtu 1500 qdisc noop qlen 1000\n"


def test_the_non_root_example_shows_ids_sets_and_its_volume(ecirun):
    result = ecirun("run", "-q", "example:non-root")
    assert result.code == 0
    assert result.stdout.splitlines()[:6] == [
        "uid=1000 gid=3000 groups=2000,3000",
        "CapInh:\t0000000000000000",
        "CapPrm:\t0000000000000000",
        "CapEff:\t0000000000000000",
        "CapBnd:\t00000000a80435fb",
        "CapAmb:\t0000000000000000",
    ]
    assert " 1000     2000 " in result.stdout.splitlines()[-1]


def test_the_refused_example_runs_nothing(ecirun):
    result = ecirun("run", "example:refused")
    assert (result.code, result.stdout) == (125, "")
    assert result.stderr.endswith(
        'ecirun: error: Can\'t run pod "refused": it is refused by eci-2024-02-26\n'
        "    hint: correct what is said above; nothing was started\n"
    )
