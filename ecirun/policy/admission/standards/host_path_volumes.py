"""Paths of the host must not be mounted.

Restricted fields: spec.volumes[*].hostPath
Allowed values: unset
"""

from __future__ import annotations

from ecirun.policy.admission.pod_values import PodValues
from ecirun.policy.admission.standards.check import Check, Version, Violation, counted, quoted_list


def v1_0(pod: PodValues) -> Violation | None:
    """Every hostPath volume."""
    bad = [(index, volume.get("name", "")) for index, volume in enumerate(pod.spec.get("volumes", ())) if "hostPath" in volume]
    if not bad:
        return None
    return Violation(
        "hostPath volumes",
        f"{counted('volume', 'volumes', len(bad))} {quoted_list([name for _index, name in bad])}",
        tuple(pod.at(f"volumes[{index}].hostPath") for index, _name in bad),
    )


CHECK = Check("hostPathVolumes", "pss-host-path-volumes", "baseline", (Version(0, v1_0),))
