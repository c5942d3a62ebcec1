"""/proc must stay masked, in a user namespace too.

Restricted fields: spec.containers[*].securityContext.procMount, and of initContainers and ephemeralContainers
Allowed values: Default, unset
"""

from __future__ import annotations

from ecirun.policy.admission.standards.check import Check, Version
from ecirun.policy.admission.standards.proc_mount import v1_0

# Until v1.35 the check of the baseline was as strict as this one.
CHECK = Check("procMount_restricted", "pss-proc-mount-restricted", "restricted", (Version(35, v1_0, ("procMount",)),))
