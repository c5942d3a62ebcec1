"""Whether pods can run here, and what they would have to do without: each thing is really tried, and nothing stays of it."""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.doctor import groups, mounts, namespaces, places, privileges, surroundings, sysctls
from ecirun.doctor.finding import Finding
from ecirun.policy.load import Policy


def examine(policy: Policy, store: str) -> Iterator[Finding]:
    """Every finding; of what is missing, the first that is needed is why a launch fails."""
    yield from privileges.findings(policy)
    yield from surroundings.findings()
    yield from namespaces.findings()
    yield from mounts.findings(store)
    yield from groups.findings()
    yield from sysctls.findings(policy)
    yield from places.findings(store)
