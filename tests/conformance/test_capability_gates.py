"""What each capability gates, by real operations: with all that ECI grants but one, just what needs that one fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from case import SHOWN_BY, shown
from handmade import Images
from running import Result

pytestmark = pytest.mark.sandbox

GRANTED = "CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_ADMIN NET_RAW SYS_CHROOT SYS_PTRACE"
GRANTED += " MKNOD AUDIT_WRITE SETFCAP"

# Operation: the capabilities that it needs, and a command that exits with 0 when it is allowed, in a folder of its own.
OPERATIONS = {
    "give a file away": ("CHOWN", "touch f && chown 5 f"),
    "read a file that nobody may read": ("DAC_OVERRIDE", "touch f && chmod 0 f && cat f"),
    "write a file that nobody may write": ("DAC_OVERRIDE", "touch f && chmod 444 f && echo x >f"),
    "change the mode of another's file": ("CHOWN FOWNER", "touch f && chown 5 f && chmod 777 f"),
    "set the setgid bit for a group of others": ("CHOWN FSETID", "touch f && chgrp 77 f && chmod 2755 f && [ -g f ]"),
    "take another group": ("SETGID", "syscalls setgid=77"),
    "take another user": ("SETUID", "syscalls setuid=77"),
    "drop from the bounding set": ("SETPCAP", "syscalls dropbound=0"),
    "bind a port below 1024": ("NET_BIND_SERVICE", "syscalls bind=1023"),
    "bind a port from 1024 on": ("", "syscalls bind=1024"),
    "set an interface down and up": ("NET_ADMIN", "ip link set lo down && ip link set lo up"),
    "open a raw socket": ("NET_RAW", "syscalls rawsocket"),
    "change the root": ("SYS_CHROOT", "syscalls chroot=/"),
    "make a device node": ("MKNOD", "syscalls mknod=$PWD/n,c,1,3"),
    "make a named pipe": ("", "mkfifo n || mknod n p"),
    "set a file capability": ("SETFCAP", "touch f && syscalls setfcap=$PWD/f"),
    "signal another user's process": ("SETUID KILL", "syscalls setuid=77 exec sleep 5 & sleep 0.05; syscalls kill=$!,9"),
    "trace another user's process": ("SETUID SYS_PTRACE", "syscalls setuid=77 exec sleep 1 & sleep 0.05; syscalls ptrace=$!"),
}
# Nothing that a process in a pod can do tells whether it has this one: the audit system serves the first PID namespace only.
UNSEEN = ("AUDIT_WRITE",)


@pytest.fixture(scope="module")
def image(images: Images) -> str:
    return images.add("gates")


def allowed(result: Result) -> Iterator[bool]:
    assert (result.code, result.stderr) == (0, "")
    return (not text.endswith("]") for text in shown(result.stdout))


def operations() -> list[str]:
    return [
        f"mkdir -p /dev/shm/{at}; cd /dev/shm/{at}; {{ {command}; }}" for at, (_, command) in enumerate(OPERATIONS.values())
    ]


@pytest.mark.parametrize("missing", ["nothing", *GRANTED.split()])
def test_all_but_one(in_image: Callable[..., Result], image: str, missing: str):
    capabilities = f"{{add: [NET_ADMIN, SYS_PTRACE], drop: [{'' if missing == 'nothing' else missing}]}}"
    command = ["sh", "-c", SHOWN_BY, "commands", *operations()]
    result = in_image(image, command, container=f"securityContext: {{capabilities: {capabilities}}}")
    expected = {name: missing not in needed.split() for name, (needed, _command) in OPERATIONS.items()}
    assert dict(zip(OPERATIONS, allowed(result), strict=True)) == expected


@pytest.mark.parametrize(
    "context", ["{capabilities: {drop: [ALL]}}", "{runAsUser: 1000, capabilities: {add: [NET_ADMIN, SYS_PTRACE]}}"]
)
def test_none(in_image: Callable[..., Result], image: str, context: str):
    result = in_image(image, ["sh", "-c", SHOWN_BY, "commands", *operations()], container=f"securityContext: {context}")
    found = dict(zip(OPERATIONS, allowed(result), strict=True))
    assert [name for name in OPERATIONS if found[name]] == [name for name, (needed, _) in OPERATIONS.items() if not needed]


def test_every_capability_that_eci_grants_is_tried():
    needed = {name for names, _command in OPERATIONS.values() for name in names.split()}
    assert needed == set(GRANTED.split()) - set(UNSEEN)
