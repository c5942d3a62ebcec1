"""The user and the capabilities of this process."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ecirun.doctor.finding import Finding
from ecirun.linux import proc
from ecirun.policy.capabilities import NAMES, NUMBERS
from ecirun.policy.load import Policy
from ecirun.runtime.privileges import NEEDED, lacking, not_grantable, not_root

ALL_UIDS = (1 << 32) - 1


def findings(policy: Policy) -> Iterator[Finding]:
    """The user, the uids that there are, what launches need and what the policy lets containers have."""
    yield _user()
    yield _uids()
    masks = proc.status_masks()
    # Another user becomes root with sudo, and then has what is in the bounding set.
    mask = masks["CapBnd"] & (masks["CapEff"] if os.geteuid() == 0 else ~0)
    default = set(policy.capabilities_default)
    grantable = default | {name for name in policy.capabilities_addable if name not in policy.capabilities_ticket_only}
    for name in (NAMES[number] for number in sorted(NAMES)):
        if name not in NEEDED and name not in grantable:
            continue
        has = bool(mask >> NUMBERS[name] & 1)
        means = NEEDED.get(name) or ("every container has it" if name in default else "for containers that add it")
        finding = Finding(f"CAP_{name}", means, found="in the bounding set", needed=name in NEEDED or name in default)
        if name == "SYS_PTRACE":
            finding = finding._replace(means="executes programs in containers of other users; for containers that add it")
        if not has:
            error = lacking([name]) if name in NEEDED else not_grantable("a container", [name])
            finding = finding._replace(found="", says=error.message, fix=error.hint)
        yield finding


def _user() -> Finding:
    finding = Finding("uid", "only root may make namespaces and mounts", found="0")
    if os.geteuid() == 0:
        return finding
    error = not_root()
    return finding._replace(found="", says=error.message, fix=error.hint)


def _uids() -> Finding:
    with open("/proc/self/uid_map") as file:
        count = sum(int(line.split()[2]) for line in file)
    finding = Finding("uids", "a container's user is a user of this host", found="all" if count >= ALL_UIDS else f"{count}")
    if count >= 65536:
        return finding
    return finding._replace(
        found="",
        says=f"Can't give a container every user: this user namespace has only {count} uids",
        fix="run ecirun as the host's root, or in a user namespace with more of them (podman run --userns auto:size=65536)",
    )
