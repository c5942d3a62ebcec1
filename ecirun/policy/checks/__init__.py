"""One module per check. To add a rule: write it into `data/`, add a module here, and name it in this table."""

from __future__ import annotations

from ecirun.policy.checks import capabilities, host, non_root, privileged, proc_mount, read_only_root, sysctls, workload

MODULES = (capabilities, host, non_root, privileged, proc_mount, read_only_root, sysctls, workload)

CHECKS = tuple(module.check for module in MODULES)

# The rules that the checks find by; a policy must describe each of them.
RULES = tuple(rule for module in MODULES for rule in module.RULES)
