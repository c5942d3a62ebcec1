"""The sysctls that the policy allows and that this kernel cannot give to a pod alone."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ecirun.doctor.finding import Finding
from ecirun.linux.sysctl_probe import probe
from ecirun.plan.sysctls import namespaced
from ecirun.policy.checks.sysctls import permitted
from ecirun.policy.load import Policy

ROOT = "/proc/sys"
TOPS = ("net", "kernel", "fs/mqueue", "vm")
SHOWN = 3  # of the keys, in a line


def findings(policy: Policy) -> Iterator[Finding]:
    """One line for all of them."""
    finding = Finding("sysctls", "ECI gives every pod a kernel of its own, and all allowed sysctls with it", needed=False)
    paths = [path for top in TOPS for path in _keys(top) if permitted(path.replace("/", "."), policy)]
    try:
        seen = probe(paths)
    except OSError as error:
        says = f"Can't look at the sysctls of fresh namespaces: {error.strerror}"
        yield finding._replace(says=says, fix="see the lines above")
        return
    shown = sorted(path.replace("/", ".") for path in paths if seen[path][0] != "writable" or not namespaced(path))
    if not shown:
        yield finding._replace(found=f"all {len(paths)}")
        return
    first = ", ".join(shown[:SHOWN]) + (", …" if len(shown) > SHOWN else "")
    yield finding._replace(
        says=f"{len(shown)} of the {len(paths)} sysctls here that ECI allows can only be shown to pods: {first}",
        fix="refuse them with --sysctls strict, or let them be set on the host with --sysctls host",
        all=tuple(shown),
    )


def _keys(top: str) -> Iterator[str]:
    """The keys below one folder of /proc/sys; of the interfaces, only what every one has."""
    for folder, folders, files in os.walk(f"{ROOT}/{top}"):
        if folder.endswith(("/conf", "/neigh")):
            folders[:] = [name for name in folders if name in ("all", "default", "lo")]
        yield from (os.path.relpath(f"{folder}/{name}", ROOT) for name in files)
