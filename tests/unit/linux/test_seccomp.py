"""The seccomp filter, followed instruction by instruction as the kernel does."""

from __future__ import annotations

import struct

import pytest

from ecirun.linux import seccomp

ALLOW, EPERM, ENOSYS = seccomp.SECCOMP_RET_ALLOW, seccomp.SECCOMP_RET_ERRNO | 1, seccomp.SECCOMP_RET_ERRNO | 38
CLONE3 = 435
FORK, THREAD, NEW_USER, NEW_CGROUP = 0x01200011, 0x3D0F00, 0x10000000, 0x02000000
CALLS = {
    "x86_64": {"clone": 56, "keyctl": 250, "kcmp": 312, "read": 0},
    "aarch64": {"clone": 220, "keyctl": 219, "kcmp": 272, "read": 63},
}


def verdict(machine: str, number: int, first: int = 0, *, architecture: int = 0, may_trace: bool = False) -> int:
    """What the filter says of a system call."""
    data = struct.pack("IIQQ", number, architecture or seccomp.ARCHITECTURES[machine], 0, first)
    program = seccomp.runtime_default(machine, may_trace=may_trace)
    at = accumulator = 0
    while True:
        code, if_so, if_not, value = struct.unpack_from("HBBI", program, 8 * at)
        if code == seccomp.BPF_RETURN:
            return value
        if code == seccomp.BPF_LOAD:
            (accumulator,) = struct.unpack_from("I", data, value)
            at += 1
            continue
        tests = {
            seccomp.BPF_JEQ: accumulator == value,
            seccomp.BPF_JGE: accumulator >= value,
            seccomp.BPF_JSET: accumulator & value,
        }
        at += 1 + (if_so if tests[code] else if_not)


@pytest.mark.parametrize("machine", CALLS)
def test_what_is_allowed_and_what_is_not(machine: str):
    calls = CALLS[machine]
    assert verdict(machine, calls["read"]) == ALLOW
    assert verdict(machine, calls["keyctl"]) == EPERM
    assert verdict(machine, CLONE3) == ENOSYS
    assert [verdict(machine, calls["clone"], flags) for flags in (FORK, THREAD)] == [ALLOW, ALLOW]
    assert [verdict(machine, calls["clone"], FORK | flag) for flag in (NEW_USER, NEW_CGROUP)] == [EPERM, EPERM]


@pytest.mark.parametrize("machine", CALLS)
def test_what_may_be_compared_and_taken_by_a_container_that_may_trace(machine: str):
    number = CALLS[machine]["kcmp"]
    assert [verdict(machine, number, may_trace=may_trace) for may_trace in (False, True)] == [EPERM, ALLOW]


def test_another_architectures_numbers_do_not_slip_by():
    i386 = 0x40000003
    assert verdict("x86_64", 288, architecture=i386) == EPERM  # keyctl
    assert verdict("x86_64", 250 | 0x40000000) == ENOSYS  # the same of x32


def test_a_machine_without_a_list_has_no_filter():
    with pytest.raises(OSError, match="there is no seccomp filter for riscv64"):
        seccomp.runtime_default("riscv64", may_trace=False)
