"""The five sets for every name, added and dropped: pure arithmetic, so no launch."""

from __future__ import annotations

import pytest
from planned import container_of

DEFAULT = 0xA80425FB
# include/uapi/linux/capability.h
BITS = {
    "CHOWN": 0,
    "DAC_OVERRIDE": 1,
    "DAC_READ_SEARCH": 2,
    "FOWNER": 3,
    "FSETID": 4,
    "KILL": 5,
    "SETGID": 6,
    "SETUID": 7,
    "SETPCAP": 8,
    "NET_BIND_SERVICE": 10,
    "NET_ADMIN": 12,
    "NET_RAW": 13,
    "SYS_CHROOT": 18,
    "SYS_PTRACE": 19,
    "SYS_ADMIN": 21,
    "MKNOD": 27,
    "AUDIT_WRITE": 29,
    "SETFCAP": 31,
    "CHECKPOINT_RESTORE": 40,
}
ADDABLE = [name for name in BITS if name not in ("DAC_READ_SEARCH", "SYS_ADMIN", "CHECKPOINT_RESTORE")]


def bounding(add: str = "", drop: str = "") -> int:
    plan = container_of(container=f"securityContext: {{capabilities: {{add: [{add}], drop: [{drop}]}}}}")
    return int(plan.capabilities.bounding.mask, 16)


@pytest.mark.parametrize("name", ADDABLE)
def test_each_that_eci_grants_can_be_added(name):
    assert bounding(add=name) == DEFAULT | 1 << BITS[name]


@pytest.mark.parametrize("name", BITS)
def test_each_can_be_dropped(name):
    assert bounding(drop=name) == DEFAULT & ~(1 << BITS[name])


@pytest.mark.parametrize("name", ADDABLE)
def test_each_can_be_all_that_is_left(name):
    assert bounding(add=name, drop="ALL") == 1 << BITS[name]


@pytest.mark.parametrize("name", ADDABLE)
def test_each_is_gone_when_it_is_added_and_dropped(name):
    assert bounding(add=name, drop=name) == DEFAULT & ~(1 << BITS[name])


@pytest.mark.parametrize(
    ("add", "drop", "mask"),
    [
        ("", "", DEFAULT),
        ("", "ALL", 0),
        ("NET_ADMIN, SYS_PTRACE", "", 0xA80C35FB),
        ("NET_ADMIN, SYS_PTRACE", "ALL", 0x81000),
        ("NET_ADMIN", "ALL, NET_ADMIN", 0),
        ("NET_ADMIN, CHOWN", "ALL, CHOWN", 0x1000),
        (", ".join(ADDABLE), "", 0xA80C35FB),
        (", ".join(ADDABLE), "ALL", 0xA80C35FB),
        ("NET_ADMIN, NET_ADMIN", "", 0xA80435FB),
    ],
)
def test_adds_and_drops_in_kubernetes_order(add, drop, mask):
    assert bounding(add, drop) == mask


@pytest.mark.parametrize("uid", [1, 1000, 65534, 2147483647])
@pytest.mark.parametrize("add", ["", "NET_ADMIN"])
def test_a_user_other_than_root_has_the_bounding_set_only(uid, add):
    sets = container_of(container=f"securityContext: {{runAsUser: {uid}, capabilities: {{add: [{add}]}}}}").capabilities
    assert sets.bounding.mask == f"{DEFAULT | (1 << 12 if add else 0):016x}"
    assert {entry.mask for entry in sets[1:]} == {"0" * 16}
    assert {entry.names for entry in sets[1:]} == {()}


def test_root_has_its_bounding_set_and_nothing_to_inherit():
    sets = container_of().capabilities
    assert sets.permitted == sets.effective == sets.bounding
    assert sets.inheritable == sets.ambient == ((), "0" * 16)


def test_the_names_are_sorted_by_number():
    sets = container_of(container="securityContext: {capabilities: {add: [SYS_PTRACE, NET_ADMIN]}}").capabilities
    assert [BITS[name] for name in sets.bounding.names] == sorted(BITS[name] for name in sets.bounding.names)


@pytest.mark.parametrize(
    ("add", "drop", "origin"),
    [
        ("", "", "default set"),
        ("CHOWN", "SYS_ADMIN", "default set"),
        ("SYS_PTRACE, NET_ADMIN", "", "default set, added NET_ADMIN SYS_PTRACE"),
        ("NET_ADMIN", "KILL, CHOWN", "default set, added NET_ADMIN, dropped CHOWN KILL"),
        ("", "ALL", "all dropped"),
        ("NET_BIND_SERVICE", "ALL", "all dropped, added NET_BIND_SERVICE"),
    ],
)
def test_where_the_set_comes_from(add, drop, origin):
    plan = container_of(container=f"securityContext: {{capabilities: {{add: [{add}], drop: [{drop}]}}}}")
    assert plan.capabilities_origin == origin


NODES = "a device node that the workload makes itself exists but does not open: every mount is nodev"


@pytest.mark.parametrize(
    ("context", "notes"),
    [
        ("{}", []),
        ("{capabilities: {add: [NET_ADMIN]}}", []),
        ("{runAsUser: 5}", []),
        (
            "{runAsUser: 5, capabilities: {add: [NET_ADMIN]}}",
            [
                "NET_ADMIN is added but out of reach for uid 5: exec leaves every user but root the bounding set only; "
                "set-uid programs and programs with file capabilities can take from it"
            ],
        ),
        (
            "{runAsUser: 5, allowPrivilegeEscalation: false, capabilities: {add: [NET_ADMIN, SYS_PTRACE], drop: [NET_ADMIN]}}",
            [
                "added and dropped, so not granted: NET_ADMIN",
                "SYS_PTRACE is added but out of reach for uid 5: exec leaves every user but root the bounding set only; "
                "and with no_new_privs no program gives it more",
            ],
        ),
        ("{runAsUser: 5, capabilities: {add: [KILL], drop: [KILL]}}", ["added and dropped, so not granted: KILL"]),
    ],
)
def test_notes_on_what_is_granted_in_vain(context, notes):
    assert container_of(container=f"securityContext: {context}").notes == (*notes, NODES)
