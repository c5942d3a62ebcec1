"""Volumes: of which kinds, which paths of the host, which drivers.

Restricted fields: spec.volumes[*]; with a read-only path of the host, spec.containers[*].volumeMounts[*].readOnly
Allowed values: the kinds in volumes, `*` for any; paths below allowedHostPaths; drivers of allowedFlexVolumes and
allowedCSIDrivers, any where the list is empty
"""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.policy.admission.pod_values import Values, volume_source
from ecirun.policy.admission.psp.draft import Complaint, Draft, invalid
from ecirun.policy.admission.psp.policy import ALL, VOLUME_TYPES, PodSecurityPolicy

VOLUMES, HOST_PATHS, FLEX_VOLUMES, CSI_DRIVERS = (
    "psp-volumes",
    "psp-allowed-host-paths",
    "psp-allowed-flex-volumes",
    "psp-allowed-csi-drivers",
)


def check(policy: PodSecurityPolicy, draft: Draft) -> Iterator[Complaint]:
    """Every volume that may not be mounted."""
    for index, volume in enumerate(draft.pod.spec.get("volumes", ())):
        path = draft.pod.at(f"volumes[{index}]")
        source = volume_source(volume)
        kind = "cephFS" if source == "cephfs" else source
        options = volume.get(source, {})
        if kind not in VOLUME_TYPES:
            yield invalid(VOLUMES, path, "", f"unknown volume type for volume: {kind}")
        elif not _allows_kind(policy, kind, options):
            yield invalid(VOLUMES, path, kind, f"{kind} volumes are not allowed to be used")
        elif kind == "hostPath":
            yield from _check_host_path(policy, draft, volume.get("name", ""), options.get("path", ""), path)
        elif kind == "flexVolume" and policy.allowed_flex_volumes:
            driver = options.get("driver", "")
            if driver not in policy.allowed_flex_volumes:
                detail = "Flexvolume driver is not allowed to be used"
                yield invalid(FLEX_VOLUMES, f"{path}.flexVolume.driver", driver, detail, f"{path}.driver")
        elif kind == "csi" and policy.allowed_csi_drivers:
            driver = options.get("driver", "")
            if driver not in policy.allowed_csi_drivers:
                yield invalid(CSI_DRIVERS, f"{path}.csi.driver", driver, "Inline CSI driver is not allowed to be used")


def _allows_kind(policy: PodSecurityPolicy, kind: str, options: Values) -> bool:
    if ALL in policy.volumes or kind in policy.volumes:
        return True
    # Whoever may have secrets may have what the API server projects of a service account into every pod.
    return "secret" in policy.volumes and kind == "projected" and _is_service_account(options)


def _is_service_account(options: Values) -> bool:
    """Whether a projected volume holds only what the API server puts into the one of a service account."""
    for source in options.get("sources", ()):
        token, config, downward = (source.get(field) for field in ("serviceAccountToken", "configMap", "downwardAPI"))
        if token is None and config is None and downward is None:
            return False
        if token is not None and (token.get("path") != "token" or token.get("audience")):
            return False
        if config is not None and config.get("name") != "kube-root-ca.crt":
            return False
        if downward is not None and any(not _is_namespace_item(item) for item in downward.get("items", ())):
            return False
    return True


def _is_namespace_item(item: Values) -> bool:
    field = item.get("fieldRef", {})
    # The API server fills in the version of a reference to a field.
    return (
        item.get("path") == "namespace"
        and field.get("apiVersion", "v1") == "v1"
        and field.get("fieldPath") == "metadata.namespace"
    )


def _check_host_path(policy: PodSecurityPolicy, draft: Draft, name: str, host_path: str, path: str) -> Iterator[Complaint]:
    if not policy.allowed_host_paths:
        return
    matching = [entry for entry in policy.allowed_host_paths if _is_below(host_path, entry.prefix)]
    if not matching:
        where = f"{path}.hostPath.pathPrefix"
        yield invalid(HOST_PATHS, f"{path}.hostPath.path", host_path, "is not allowed to be used", where)
    elif all(entry.read_only for entry in matching):
        for container in draft.pod.containers:
            for index, mount in enumerate(container.values.get("volumeMounts", ())):
                if mount.get("name") == name and not mount.get("readOnly"):
                    where = f"{container.path}.volumeMounts[{index}].readOnly"
                    yield invalid(HOST_PATHS, where, False, "must be read-only")


def _is_below(path: str, prefix: str) -> bool:
    path, prefix = path.removesuffix("/"), prefix.removesuffix("/")
    return path == prefix or path.startswith(f"{prefix}/")
