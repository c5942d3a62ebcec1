"""What the API and the container runtime require of volume mounts (Kubernetes pkg/apis/core/validation/validation.go)."""

from __future__ import annotations

import posixpath
from collections.abc import Collection
from typing import Any

from ecirun.spec.field_error import invalid_value, not_found
from ecirun.spec.findings import Findings
from ecirun.spec.validate_field import Values, one_of, require


def validate_mounts(findings: Findings, mounts: list[dict[str, Any]], path: str, volumes: Collection[str]) -> None:
    """Check the volumeMounts of one container; `volumes` are the names that the pod has."""
    taken: set[str] = set()
    for index, mount in enumerate(mounts):
        where = f"{path}[{index}]"
        if require(findings, mount, "name", where, hint="name the volume to mount") and mount["name"] not in volumes:
            name = mount["name"]
            findings.add("not-found", f"{where}.name", name, not_found(name), hint="add the volume to spec.volumes")
        if require(findings, mount, "mountPath", where, hint="say where to mount the volume"):
            _validate_mount_path(findings, mount["mountPath"], f"{where}.mountPath", taken)
        _validate_sub_path(findings, mount, where)
        one_of(findings, mount, "mountPropagation", where, ("Bidirectional", "HostToContainer", "None"))
        for field in ("subPath", "subPathExpr", "mountPropagation", "recursiveReadOnly"):
            if mount.get(field) and mount[field] not in ("None", "Disabled"):
                findings.add(
                    "field-has-no-effect",
                    f"{where}.{field}",
                    mount[field],
                    "has no effect here: the whole volume is mounted privately",
                    severity="warning",
                )


def _validate_mount_path(findings: Findings, mount_path: str, path: str, taken: set[str]) -> None:
    if mount_path in taken:
        findings.add(
            "duplicate-value", path, mount_path, invalid_value(mount_path, "must be unique"), hint="mount one volume per path"
        )
    taken.add(mount_path)
    if ":" in mount_path:
        findings.add("invalid-value", path, mount_path, invalid_value(mount_path, "must not contain ':'"), hint="remove the :")
    elif not mount_path.startswith("/") or ".." in mount_path.split("/"):
        # The API takes these, and the runtime refuses them.
        findings.add(
            "invalid-value",
            path,
            mount_path,
            invalid_value(mount_path, "must be an absolute path without '..'"),
            hint="begin the path with /",
        )
    elif posixpath.normpath(mount_path) in ("/", "//"):
        findings.add(
            "invalid-value", path, mount_path, invalid_value(mount_path, "must not be the root"), hint="mount it at a folder"
        )
    elif posixpath.normpath(mount_path).split("/")[1] == "proc":
        findings.add(
            "invalid-value",
            path,
            mount_path,
            invalid_value(mount_path, "must not be in /proc: the container runtime refuses it"),
            hint="mount it elsewhere",
        )


def _validate_sub_path(findings: Findings, mount: Values, path: str) -> None:
    for field in ("subPath", "subPathExpr"):
        value = mount.get(field, "")
        complaint = "must be a relative path" if value.startswith("/") else ""
        if ".." in value.split("/"):
            complaint = "must not contain '..'"
        if complaint:
            findings.add("invalid-value", f"{path}.{field}", value, invalid_value(value, complaint), hint="name a path inside")
    if mount.get("subPath") and mount.get("subPathExpr"):
        findings.add(
            "forbidden-combination",
            f"{path}.subPathExpr",
            mount["subPathExpr"],
            invalid_value(mount["subPathExpr"], "subPathExpr and subPath are mutually exclusive"),
            hint="keep one of them",
        )
