"""The findings as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from ecirun.doctor.finding import OK, Finding

# What suffices in place of --privileged, found by trying with Docker 20.10 and podman 4.3 (tests/docker).
ENOUGH = (
    "docker run --cap-add SYS_ADMIN --cap-add NET_ADMIN --cap-add SYS_PTRACE "
    "--security-opt seccomp=unconfined --security-opt apparmor=unconfined"
)

# podman gives containers fewer capabilities of its own accord.
ENOUGH_IN_PODMAN = "--cap-add AUDIT_WRITE --cap-add MKNOD --cap-add NET_RAW"


def lines(findings: Iterable[Finding]) -> Iterator[str]:
    """One line for each finding, as soon as it is there; for what is missing, another with what to do about it."""
    for finding in findings:
        text = finding.says or finding.means + (f" ({finding.found})" if finding.found else "")
        yield f"{finding.status:<7}  {finding.name:<20}  {text}"
        if finding.fix:
            yield f"{'':31}hint: {finding.fix}"


def verdict(findings: Sequence[Finding]) -> str:
    """The last lines."""
    missing = [finding for finding in findings if finding.status != OK]
    needed = [finding.name for finding in missing if finding.needed]
    if needed:
        text = f"Pods cannot run here without {', '.join(needed)}."
        return f"{text}\nIn docker, --privileged gives all, and this is enough (podman: and {ENOUGH_IN_PODMAN}):\n  {ENOUGH}"
    if missing:
        return f"Pods can run here, with less of {', '.join(finding.name for finding in missing)}."
    return "Pods can run here."


def as_json(findings: Sequence[Finding]) -> str:
    """The same for machines."""
    checks = [
        {
            "name": finding.name,
            "status": finding.status,
            "needed": finding.needed,
            "means": finding.means,
            "found": finding.found,
            "message": finding.says,
            "fix": finding.fix,
            "all": list(finding.all),
        }
        for finding in findings
    ]
    return json.dumps({"schema_version": 1, "ready": is_ready(findings), "checks": checks}, indent=2) + "\n"


def is_ready(findings: Iterable[Finding]) -> bool:
    """Whether nothing that is needed is missing."""
    return all(finding.status == OK for finding in findings if finding.needed)
