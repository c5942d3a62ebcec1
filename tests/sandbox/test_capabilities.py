"""The five capability sets and no_new_privs as /proc/self/status tells them, and what they gate."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.sandbox

STATUS = "grep -E '^(Cap|NoNewPrivs)' /proc/self/status"
NOTHING = "0000000000000000"


def sets(stdout: str) -> dict[str, str]:
    return dict(line.split(":\t") for line in stdout.splitlines())


@pytest.mark.parametrize(
    ("capabilities", "mask"),
    [
        ("{}", "00000000a80425fb"),
        ("{add: [NET_ADMIN]}", "00000000a80435fb"),
        ("{add: [NET_ADMIN, SYS_PTRACE]}", "00000000a80c35fb"),
        ("{drop: [ALL]}", NOTHING),
        ("{drop: [ALL], add: [NET_BIND_SERVICE]}", "0000000000000400"),
        ("{add: [NET_ADMIN], drop: [NET_ADMIN]}", "00000000a80425fb"),
        ("{drop: [CHOWN, SETPCAP]}", "00000000a80424fa"),
        ("{drop: [SYS_ADMIN]}", "00000000a80425fb"),
    ],
)
def test_root_has_its_bounding_set_and_nothing_to_inherit(in_pod, capabilities, mask):
    result = in_pod(STATUS, container=f"securityContext: {{capabilities: {capabilities}}}")
    assert result.code == 0
    assert sets(result.stdout) == {
        "CapInh": NOTHING,
        "CapPrm": mask,
        "CapEff": mask,
        "CapBnd": mask,
        "CapAmb": NOTHING,
        "NoNewPrivs": "0",
    }


def test_another_user_has_only_the_bounding_set(in_pod):
    result = in_pod(STATUS, container="securityContext: {runAsUser: 1000, capabilities: {add: [NET_ADMIN]}}")
    assert sets(result.stdout) == {
        "CapInh": NOTHING,
        "CapPrm": NOTHING,
        "CapEff": NOTHING,
        "CapBnd": "00000000a80435fb",
        "CapAmb": NOTHING,
        "NoNewPrivs": "0",
    }


@pytest.mark.parametrize(("setting", "expected"), [("", "0"), ("true", "0"), ("false", "1")])
def test_no_new_privs_only_when_escalation_is_forbidden(in_pod, setting, expected):
    context = f"securityContext: {{allowPrivilegeEscalation: {setting}}}" if setting else ""
    result = in_pod(STATUS, container=context)
    assert sets(result.stdout)["NoNewPrivs"] == expected


@pytest.mark.parametrize(
    ("drop", "command", "message"),
    [
        ("CHOWN", "touch /dev/shm/f && chown 5 /dev/shm/f", "chown: /dev/shm/f: Operation not permitted"),
        ("SYS_CHROOT", "chroot / true", "chroot: can't change root directory to '/': Operation not permitted"),
        ("FOWNER", "touch /dev/shm/f; chown 5 /dev/shm/f; chmod 777 /dev/shm/f", "chmod: /dev/shm/f: Operation not permitted"),
        ("NET_BIND_SERVICE", "nc -l -p 80", "nc: bind: Permission denied"),
        ("MKNOD", "mknod /dev/shm/n c 1 3", "mknod: /dev/shm/n: Operation not permitted"),
        ("SETUID", "su -s /bin/sh nobody -c true", "su: setuid: Operation not permitted"),
        ("NET_RAW", "ping -c 1 127.0.0.1", "ping: permission denied (are you root?)"),
    ],
)
def test_a_dropped_capability_is_missing(in_pod, drop, command, message):
    result = in_pod(command, container=f"securityContext: {{capabilities: {{drop: [{drop}]}}}}")
    assert (result.code, result.stderr.strip()) == (1, message)


@pytest.mark.parametrize(
    "command",
    ["mount -t tmpfs x /tmp", "hostname other", "umount /proc", "mount -o remount,rw /", "mount -o remount,rw /proc/sys"],
)
def test_root_is_not_the_administrator(in_pod, command):
    result = in_pod(command)
    assert result.code == 1
    assert "Operation not permitted" in result.stderr or "permission denied" in result.stderr
