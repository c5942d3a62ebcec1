"""Volumes must come from the cluster, not from a node or straight from the network.

Restricted fields: spec.volumes[*]
Allowed values: the sources in ALLOWED
"""

from __future__ import annotations

from ecirun.policy.admission.pod_values import PodValues, volume_source
from ecirun.policy.admission.standards.check import Check, Version, Violation, counted, quoted_list

ALLOWED = frozenset("configMap csi downwardAPI emptyDir ephemeral image persistentVolumeClaim projected secret".split())

# Upstream names these; any other source is "unknown" to it.
NAMED = frozenset(
    "hostPath gcePersistentDisk awsElasticBlockStore gitRepo nfs iscsi glusterfs rbd flexVolume cinder cephfs flocker fc "
    "azureFile vsphereVolume quobyte azureDisk photonPersistentDisk portworxVolume scaleIO storageos".split()
)


def v1_0(pod: PodValues) -> Violation | None:
    """Every volume of another source."""
    names, kinds, paths = [], set(), []
    for index, volume in enumerate(pod.spec.get("volumes", ())):
        source = volume_source(volume)
        if source not in ALLOWED:
            names.append(volume.get("name", ""))
            kinds.add(source if source in NAMED else "unknown")
            paths.append(pod.at(f"volumes[{index}].{source}"))
    if not names:
        return None
    return Violation(
        "restricted volume types",
        f"{counted('volume', 'volumes', len(names))} {quoted_list(names)} {counted('uses', 'use', len(names))} "
        f"{counted('restricted volume type', 'restricted volume types', len(kinds))} {quoted_list(sorted(kinds))}",
        tuple(paths),
    )


CHECK = Check("restrictedVolumes", "pss-restricted-volumes", "restricted", (Version(0, v1_0, ("hostPathVolumes",)),))
