"""The Pod Security Standards: one module per check, and which of them a level of a version runs.

Source of the rules, their order and their words: k8s.io/pod-security-admission, folder policy, as of Kubernetes v1.37. A new
check is a module here and its name in this table.
"""

from __future__ import annotations

from functools import cache

from ecirun.policy.admission.standards import (
    allow_privilege_escalation,
    app_armor_profile,
    capabilities_baseline,
    capabilities_restricted,
    host_namespaces,
    host_path_volumes,
    host_ports,
    host_probes_and_host_lifecycle,
    privileged,
    proc_mount,
    proc_mount_restricted,
    restricted_volumes,
    run_as_non_root,
    run_as_user,
    se_linux_options,
    seccomp_profile_baseline,
    seccomp_profile_restricted,
    sysctls,
    windows_host_process,
)
from ecirun.policy.admission.standards.check import Check, CheckPod, Level, Version

MODULES = (
    allow_privilege_escalation,
    app_armor_profile,
    capabilities_baseline,
    capabilities_restricted,
    host_namespaces,
    host_path_volumes,
    host_ports,
    host_probes_and_host_lifecycle,
    privileged,
    proc_mount,
    proc_mount_restricted,
    restricted_volumes,
    run_as_non_root,
    run_as_user,
    se_linux_options,
    seccomp_profile_baseline,
    seccomp_profile_restricted,
    sysctls,
    windows_host_process,
)

CHECKS: tuple[Check, ...] = tuple(module.CHECK for module in MODULES)

LEVELS: tuple[Level, ...] = ("privileged", "baseline", "restricted")

# The newest version that changed a check; every later one judges as it does.
NEWEST = max(version.since for check in CHECKS for version in check.versions)


@cache
def checks_of(level: Level, minor: int) -> tuple[tuple[Check, CheckPod], ...]:
    """What the level runs at v1.`minor`: the baseline's checks first, each kind in the order of upstream's ids."""
    if level == "privileged":
        return ()
    current = {check.id: (check, version) for check in CHECKS if (version := _at(check, minor)) is not None}
    chosen = {name for name, (check, _version) in current.items() if level == "restricted" or check.level == "baseline"}
    overridden = {other for name in chosen for other in current[name][1].overrides}
    ordered = sorted(chosen - overridden, key=lambda name: (current[name][0].level, name))
    return tuple((current[name][0], current[name][1].check) for name in ordered)


def _at(check: Check, minor: int) -> Version | None:
    """The revision of the check that v1.`minor` has."""
    return next((version for version in reversed(check.versions) if version.since <= minor), None)
