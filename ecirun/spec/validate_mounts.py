"""What the API and the container runtime require of volume mounts (Kubernetes pkg/apis/core/validation/validation.go)."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from ecirun.spec.effects import report_mount
from ecirun.spec.findings import Findings
from ecirun.spec.validate_field import Values, inside, one_of, require

PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
RECURSIVE = ("Disabled", "Enabled", "IfPossible")


def validate_mounts(findings: Findings, container: Values, path: str, volumes: Mapping[str, str]) -> None:
    """Check the volumeMounts and volumeDevices of the container at `path`; `volumes` are the pod's, with the kind of each."""
    mounts, devices = container.get("volumeMounts", ()), container.get("volumeDevices", ())
    taken: set[str] = set()
    for index, mount in enumerate(mounts):
        where = f"{path}.volumeMounts[{index}]"
        if require(findings, mount, "name", where, hint="name the volume to mount") and mount["name"] not in volumes:
            findings.not_found(f"{where}.name", mount["name"], hint=_hint_for_volume(mount["name"], volumes))
        if require(findings, mount, "mountPath", where, hint="say where to mount the volume"):
            _validate_mount_path(findings, mount["mountPath"], f"{where}.mountPath", taken)
        for device in devices:
            if mount.get("name", "") == device.get("name"):
                detail = "must not already exist in volumeDevices"
                findings.invalid(f"{where}.name", mount["name"], detail, hint="use each volume in one way")
            if mount.get("mountPath", "") == device.get("devicePath"):
                detail = "must not already exist as a path in volumeDevices"
                findings.invalid(f"{where}.mountPath", mount["mountPath"], detail, hint="choose another path")
        _validate_sub_path(findings, mount, where)
        _validate_propagation(findings, mount, where, container)
        report_mount(findings, mount, where)
    _validate_devices(findings, devices, f"{path}.volumeDevices", mounts, volumes)


def _hint_for_volume(name: str, volumes: Mapping[str, str]) -> str:
    from ecirun.spec.schema import nearest

    near = nearest(name, tuple(volumes)) if volumes else ""
    return f"did you mean {near}?" if near else "add the volume to spec.volumes"


def _validate_mount_path(findings: Findings, mount_path: str, path: str, taken: set[str]) -> None:
    if mount_path in taken:
        findings.invalid(path, mount_path, "must be unique", hint="mount one volume per path", rule="duplicate-value")
    taken.add(mount_path)
    normal = posixpath.normpath(mount_path)
    # The API takes these, and the runtime refuses them.
    if ":" in mount_path:
        findings.invalid(path, mount_path, "must not contain ':'", hint="remove the :")
    elif not mount_path.startswith("/") or ".." in mount_path.split("/"):
        findings.invalid(path, mount_path, "must be an absolute path without '..'", hint="begin the path with /")
    elif normal in ("/", "//"):
        findings.invalid(path, mount_path, "must not be the root", hint="mount it at a folder")
    elif normal.lstrip("/").split("/")[0] == "proc":
        detail = "must not be in /proc: the container runtime refuses it"
        findings.invalid(path, mount_path, detail, hint="mount it elsewhere")


def _validate_sub_path(findings: Findings, mount: Values, path: str) -> None:
    sub_path, expression = mount.get("subPath"), mount.get("subPathExpr")
    if sub_path:
        inside(findings, sub_path, f"{path}.subPath")
    if expression:
        if sub_path:
            detail = "subPathExpr and subPath are mutually exclusive"
            findings.invalid(f"{path}.subPathExpr", expression, detail, hint="keep one of them", rule="forbidden-combination")
        inside(findings, expression, f"{path}.subPathExpr")


def _validate_propagation(findings: Findings, mount: Values, path: str, container: Values) -> None:
    one_of(findings, mount, "mountPropagation", path, PROPAGATIONS)
    propagation = mount.get("mountPropagation")
    if propagation == "Bidirectional" and not container.get("securityContext", {}).get("privileged"):
        detail = "Bidirectional mount propagation is available only to privileged containers"
        findings.forbidden(f"{path}.mountPropagation", detail, value=propagation)
    one_of(findings, mount, "recursiveReadOnly", path, RECURSIVE)
    if mount.get("recursiveReadOnly") in ("Enabled", "IfPossible"):
        where = f"{path}.recursiveReadOnly"
        if not mount.get("readOnly"):
            findings.forbidden(where, "may only be specified when readOnly is true", hint="add readOnly: true")
        if propagation not in (None, "None"):
            detail = "may only be specified when mountPropagation is None or not specified"
            findings.forbidden(where, detail, hint="remove mountPropagation")


def _validate_devices(
    findings: Findings, devices: list[dict[str, Any]], path: str, mounts: list[dict[str, Any]], volumes: Mapping[str, str]
) -> None:
    names: set[str] = set()
    paths: set[str] = set()
    for index, device in enumerate(devices):
        where, name, device_path = f"{path}[{index}]", device.get("name", ""), device.get("devicePath", "")
        require(findings, device, "name", where, hint="name the volume to use as a device")
        if name in names:
            findings.invalid(f"{where}.name", name, "must be unique", hint="use each volume once", rule="duplicate-value")
        if name in volumes and volumes[name] not in ("persistentVolumeClaim", "ephemeral"):
            detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
            findings.invalid(f"{where}.name", name, detail, hint="mount the volume with volumeMounts")
        if name and name not in volumes:
            findings.not_found(f"{where}.name", name, hint=_hint_for_volume(name, volumes))
        require(findings, device, "devicePath", where, hint="say where the device shall be")
        if device_path and device_path in paths:
            hint = "choose a path for each device"
            findings.invalid(f"{where}.devicePath", device_path, "must be unique", hint=hint, rule="duplicate-value")
        if ".." in device_path.split("/"):
            detail = "can not contain backsteps ('..')"
            findings.invalid(f"{where}.devicePath", device_path, detail, hint="name the path without ..")
        if name and any(name == mount.get("name") for mount in mounts):
            detail = "must not already exist in volumeMounts"
            findings.invalid(f"{where}.name", name, detail, hint="use each volume in one way")
        if device_path and any(device_path == mount.get("mountPath") for mount in mounts):
            detail = "must not already exist as a path in volumeMounts"
            findings.invalid(f"{where}.devicePath", device_path, detail, hint="choose another path")
        names.add(name)
        paths.add(device_path)
