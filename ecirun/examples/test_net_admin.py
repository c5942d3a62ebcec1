"""What a security context allows, tested as ECI would have it. Copy this file, change its pods to yours, run pytest."""

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


@pytest.mark.parametrize(
    ("capability", "command"),
    [
        ("CHOWN", "chown 1000 /dev/shm"),
        ("NET_RAW", "ping -c 1 127.0.0.1"),
        ("SYS_CHROOT", "chroot / true"),
    ],
)
def test_root_can_do_it_with_the_capability_and_not_without(ecirun_pod, capability, command):
    ecirun_pod(ecirun.pod()).exec(["sh", "-c", command], timeout=5).check()
    without = ecirun_pod(ecirun.pod(drop=[capability])).exec(["sh", "-c", command], timeout=5)
    assert not without
    assert "not permitted" in without.stderr or "permission denied" in without.stderr


@pytest.mark.parametrize("value", ["128", "1024"])
def test_a_sysctl_is_the_pods_own(ecirun_pod, value):
    pod = ecirun_pod(ecirun.pod(sysctls={"net.core.somaxconn": value}))
    assert pod.exec(["cat", "/proc/sys/net/core/somaxconn"], timeout=5).stdout == value + "\n"


def test_what_eci_refuses_does_not_start(ecirun_pod):
    with pytest.raises(ecirun.PodRefused) as refused:
        ecirun_pod(ecirun.pod(capabilities=["SYS_ADMIN"]))
    assert [finding.rule.id for finding in refused.value.findings] == ["capability-not-permitted"]
