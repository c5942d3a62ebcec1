"""What NET_ADMIN gates, tested as ECI would have it. Copy this file, put your own pod into it, and run pytest."""

import pytest

import ecirun


@pytest.mark.eci("example:network")
def test_without_net_admin_the_network_cannot_be_changed(eci):
    result = eci.exec(["ip", "link", "set", "lo", "down"], timeout=5)
    assert not result
    assert result.stderr == "ip: SIOCSIFFLAGS: Operation not permitted\n"


@pytest.mark.eci("example:network-admin")
def test_with_net_admin_it_can(eci):
    eci.exec(["ip", "link", "set", "lo", "down"], timeout=5).check()
    eci.exec(["ip", "link", "add", "br0", "type", "bridge"], timeout=5).check()


@pytest.mark.parametrize(("capability", "command"), [("NET_RAW", "ping -c 1 127.0.0.1"), ("CHOWN", "chown 1 /dev/shm")])
def test_a_capability_that_is_dropped_is_missed(ecirun_pod, capability, command):
    pod = ecirun_pod(ecirun.pod(drop=[capability]))
    assert not pod.exec(["sh", "-c", command], timeout=5)


def test_a_sysctl_is_the_pods_own(ecirun_pod):
    pod = ecirun_pod(ecirun.pod(sysctls={"net.core.somaxconn": "1024"}))
    assert pod.exec(["cat", "/proc/sys/net/core/somaxconn"], timeout=5).stdout == "1024\n"


def test_what_eci_refuses_does_not_start(ecirun_pod):
    with pytest.raises(ecirun.PodRefused) as refused:
        ecirun_pod(ecirun.pod(capabilities=["SYS_ADMIN"]))
    assert [finding.rule.id for finding in refused.value.findings] == ["capability-not-permitted"]
