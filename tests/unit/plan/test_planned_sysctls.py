"""What becomes of each sysctl, for whatever a probe of a kernel may have seen."""

from __future__ import annotations

import pytest
from planned import facts, plan_of

from ecirun.errors import LaunchFailed, PodRefused
from ecirun.plan.facts import SysctlFact
from ecirun.plan.sysctls import as_the_kernel_shows, eci_value

WRITABLE, READ_ONLY, FIRST_ONLY, ABSENT = (
    ("writable", "128"),
    ("read-only", "212992"),
    ("absent", "1000"),
    ("absent", None),
)

ONE_FOR_ALL = "this kernel has one value for the whole host"
READS_ONLY = "a network namespace of this kernel can only read it"
FIRST = "this kernel keeps it in its first network namespace only"
ECI_ONLY = "ECI's kernel has it, and this network namespace of the host does not"
NO_ETH0 = "there is no eth0 with --network loopback"


def planned(name: str, value: str, seen: tuple[str, str | None], **options):
    path = name.replace(".", "/")
    pod = f'securityContext: {{sysctls: [{{name: {name}, value: "{value}"}}]}}'
    plan = plan_of(pod=pod, facts=facts(**{path: seen}), **options)
    return plan.sysctls[0], plan.warnings


@pytest.mark.parametrize(
    ("name", "seen", "scope", "reason"),
    [
        ("net.core.somaxconn", WRITABLE, "pod", "held by the pod's own namespaces"),
        ("kernel.msgmax", WRITABLE, "pod", "held by the pod's own namespaces"),
        ("kernel.sem", ("writable", "1 2 3 4"), "pod", "held by the pod's own namespaces"),
        ("fs.mqueue.msg_max", WRITABLE, "pod", "held by the pod's own namespaces"),
        ("net.core.rmem_max", READ_ONLY, "shadow", READS_ONLY),
        ("net.core.rmem_max", WRITABLE, "pod", "held by the pod's own namespaces"),
        ("net.core.netdev_max_backlog", FIRST_ONLY, "shadow", FIRST),
        ("net.core.netdev_max_backlog", ABSENT, "shadow", ECI_ONLY),
        ("net.ipv4.tcp_max_reordering", ABSENT, "shadow", ECI_ONLY),
        ("vm.min_free_kbytes", ("writable", "67584"), "shadow", ONE_FOR_ALL),
        ("net.ipv4.conf.eth0.rp_filter", WRITABLE, "shadow", NO_ETH0),
    ],
)
def test_the_scope_follows_from_what_the_kernel_shows(name, seen, scope, reason):
    sysctl, warnings = planned(name, "4096", seen)
    assert (sysctl.scope, sysctl.reason) == (scope, reason)
    shown = (f"sysctl {name} is only shown to the workload: {reason}",) if scope == "shadow" else ()
    assert warnings == shown


def test_on_the_bridge_eth0_is_real():
    sysctl, warnings = planned("net.ipv4.conf.eth0.rp_filter", "1", WRITABLE, network="bridge")
    assert (sysctl.scope, warnings) == ("pod", ())


@pytest.mark.parametrize(
    ("name", "seen", "scope"),
    [
        ("net.core.somaxconn", WRITABLE, "pod"),
        ("vm.min_free_kbytes", WRITABLE, "host"),
        ("net.core.rmem_max", READ_ONLY, "host"),
        ("net.core.netdev_max_backlog", FIRST_ONLY, "host"),
        ("net.core.netdev_max_backlog", ABSENT, "shadow"),
        ("net.ipv4.conf.eth0.rp_filter", WRITABLE, "shadow"),
    ],
)
def test_host_writes_only_what_the_host_has(name, seen, scope):
    sysctl, warnings = planned(name, "0x10", seen, sysctls="host")
    assert sysctl.scope == scope
    if scope == "host":
        assert sysctl.value == "0x10"
        assert warnings == (f"sysctl {name} is written to the host while the pod runs: {sysctl.reason}",)


def test_strict_names_all_that_it_refuses():
    pod = """
securityContext:
  sysctls:
  - {name: net.core.somaxconn, value: "1"}
  - {name: vm.min_free_kbytes, value: "1"}
  - {name: net.core.rmem_max, value: "1"}
"""
    seen = facts(**{"net/core/somaxconn": WRITABLE, "vm/min_free_kbytes": WRITABLE, "net/core/rmem_max": READ_ONLY})
    with pytest.raises(PodRefused) as caught:
        plan_of(pod=pod, facts=seen, sysctls="strict")
    assert caught.value.message == (
        f"Can't give the pod its own sysctl vm.min_free_kbytes: {ONE_FOR_ALL}; net.core.rmem_max: {READS_ONLY}"
    )
    assert caught.value.hint == "leave out --sysctls strict to show the value to the workload without effect"


@pytest.mark.parametrize("name", ["net.ipv4.no_such", "kernel.shmfoo", "net.ipv4.conf.eth0.nosuch", "fs.mqueue.x"])
@pytest.mark.parametrize("mode", ["shadow", "strict", "host"])
def test_a_key_that_nobody_has(name, mode):
    with pytest.raises(LaunchFailed) as caught:
        planned(name, "1", ABSENT, sysctls=mode)
    path = name.replace(".", "/")
    assert caught.value.message == f"Can't set sysctl {name}: this kernel has no /proc/sys/{path}"
    assert caught.value.hint == "check the spelling, or load the kernel module that brings the key"


def test_without_a_probe_nothing_is_claimed():
    plan = plan_of(pod='securityContext: {sysctls: [{name: net.core.somaxconn, value: "abc"}]}', facts=None)
    assert tuple(plan.sysctls[0]) == (
        "net.core.somaxconn",
        "abc",
        "net/core/somaxconn",
        "unknown",
        "this kernel was not probed",
    )
    assert plan.warnings == ()


@pytest.mark.parametrize(
    ("name", "current", "value", "shown"),
    [
        ("vm.min_free_kbytes", "67584", "4096", "4096"),
        ("vm.min_free_kbytes", "67584", " 4096 ", "4096"),
        ("vm.min_free_kbytes", "67584", "0x10", "16"),
        ("vm.min_free_kbytes", "67584", "0X1f", "31"),
        ("vm.min_free_kbytes", "67584", "010", "8"),
        ("vm.min_free_kbytes", "67584", "+5", "5"),
        ("vm.min_free_kbytes", "67584", "1 2", "1"),
        ("vm.min_free_kbytes", "67584", "", "67584"),
        ("net.core.netdev_max_backlog", "1000", "-1", "-1"),
        ("net.ipv4.tcp_mem", "1\t2\t3", "7", "7\t2\t3"),
        ("net.ipv4.tcp_mem", "1\t2\t3", "7 8  9 10", "7\t8\t9"),
        ("net.ipv4.tcp_mem", "1\t2\t3", "9223372036854775807", "9223372036854775807\t2\t3"),
        ("net.ipv4.tcp_mem", None, "7", "7\t58219\t87324"),
        ("net.core.default_qdisc", "pfifo_fast", " fq", "fq"),
        ("net.core.flow_limit_cpu_bitmap", None, "1", "1"),
    ],
)
def test_a_shown_value_is_as_the_kernel_would_show_it(name, current, value, shown):
    assert as_the_kernel_shows(name, name.replace(".", "/"), value, SysctlFact("absent", current)) == shown


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vm.min_free_kbytes", "abc"),
        ("vm.min_free_kbytes", "-1"),
        ("vm.min_free_kbytes", "1k"),
        ("vm.min_free_kbytes", "1_000"),
        ("vm.min_free_kbytes", "0b1"),
        ("vm.min_free_kbytes", "08"),
        ("vm.min_free_kbytes", "0x"),
        ("vm.min_free_kbytes", "1.5"),
        ("vm.min_free_kbytes", "2147483648"),
        ("net.core.netdev_max_backlog", "99999999999"),
        ("net.ipv4.tcp_mem", "1 x"),
        ("net.ipv4.tcp_mem", "-1"),
        ("net.ipv4.tcp_mem", "9223372036854775808"),
    ],
)
def test_a_shown_value_that_the_kernel_would_not_take(name, value):
    with pytest.raises(LaunchFailed) as caught:
        as_the_kernel_shows(name, name.replace(".", "/"), value, SysctlFact("absent", "7 8 9"))
    assert caught.value.message == f'Can\'t set sysctl {name} to "{value}": Invalid argument'
    assert caught.value.hint == "give a value that the kernel takes; now it is 7 8 9"


@pytest.mark.parametrize("scope", ["shadow", "strict", "host"])
def test_a_value_that_nobody_could_write_is_refused_in_every_mode(scope):
    with pytest.raises(LaunchFailed):
        planned("vm.min_free_kbytes", "many", WRITABLE, sysctls=scope)


def test_the_table_of_a_real_eci_container():
    assert eci_value("net.core.netdev_max_backlog") == "1000"
    assert eci_value("net.ipv4.tcp_available_ulp") == ""
    assert eci_value("net.ipv4.conf.eth0.rp_filter") == "0"
    assert eci_value("net.core") is None
    assert eci_value("net.core.netdev_max") is None


def test_sysctls_keep_the_order_of_the_file():
    names = ["net.unix.max_dgram_qlen", "kernel.msgmax", "net.core.somaxconn"]
    entries = ", ".join(f'{{name: {name}, value: "1"}}' for name in names)
    seen = facts(**{name.replace(".", "/"): WRITABLE for name in names})
    assert [entry.name for entry in plan_of(pod=f"securityContext: {{sysctls: [{entries}]}}", facts=seen).sysctls] == names
