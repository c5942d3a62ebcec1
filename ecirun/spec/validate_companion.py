"""What the API requires of ConfigMaps, Secrets and claims of volumes (Kubernetes pkg/apis/core/validation/validation.go)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecirun.spec import names
from ecirun.spec.findings import Findings
from ecirun.spec.validate_field import Values
from ecirun.spec.validate_metadata import validate_metadata

MAX_DATA = 1024 * 1024  # bytes

# What a Secret of a known type must have.
TYPE_KEYS: Mapping[str, tuple[str, ...]] = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
REDACTED = "<secret contents redacted>"


def validate_companion(findings: Findings, values: Values, kind: str) -> None:
    """Check one object of that kind."""
    found = values.get("apiVersion")
    if not found:
        findings.required("apiVersion", hint="add apiVersion: v1")
    elif found != "v1":
        findings.unsupported("apiVersion", found, ("v1",), hint="write apiVersion: v1")
    validate_metadata(findings, values.get("metadata", {}), "metadata")
    if kind == "ConfigMap":
        _validate_config_map(findings, values)
    elif kind == "Secret":
        _validate_secret(findings, values)
    else:
        from ecirun.spec.validate_claim import validate_claim_spec

        validate_claim_spec(findings, values.get("spec", {}), "spec")


def _validate_config_map(findings: Findings, values: Values) -> None:
    data, binary = values.get("data", {}), values.get("binaryData", {})
    for key in data:
        _validate_key(findings, key, f"data[{key}]")
        if key in binary:
            detail = "duplicate of key present in binaryData"
            findings.invalid(f"data[{key}]", key, detail, hint="keep the key in one of data and binaryData")
    for key in binary:
        _validate_key(findings, key, f"binaryData[{key}]")
    if _size(data) + _size(binary) > MAX_DATA:
        findings.too_long("", MAX_DATA, hint="split it into several ConfigMaps, or bring the data with a volume")


def _validate_secret(findings: Findings, values: Values) -> None:
    data = {**values.get("data", {}), **values.get("stringData", {})}
    for family in ("data", "stringData"):
        for key in values.get(family, {}):
            _validate_key(findings, key, f"{family}[{key}]")
    if _size(data) > MAX_DATA:
        findings.too_long("data", MAX_DATA, hint="split it into several Secrets, or bring the data with a volume")
    kind = values.get("type", "Opaque")
    for key in TYPE_KEYS.get(kind, ()):
        if key not in data or (kind == "kubernetes.io/ssh-auth" and not data[key]):
            findings.required(f"data[{key}]", hint=f"add the key {key}, which the type {kind} requires")
        elif key.startswith(".docker"):
            _validate_json(findings, data[key], f"data[{key}]")
    if kind == "kubernetes.io/basic-auth" and "username" not in data and "password" not in data:
        for key in ("username", "password"):
            findings.required(f"data[{key}]", hint="add the keys username and password, or one of them")
    account = "kubernetes.io/service-account.name"
    if kind == "kubernetes.io/service-account-token" and not values.get("metadata", {}).get("annotations", {}).get(account):
        findings.required(f"metadata.annotations[{account}]", hint="name the service account in the annotation")


def _validate_key(findings: Findings, key: str, path: str) -> None:
    findings.invalid(path, key, *names.config_key(key), hint="use letters, digits, -, _ and . in the key")


def _validate_json(findings: Findings, value: Any, path: str) -> None:
    import json

    try:
        fits = isinstance(json.loads(value), dict)
    except ValueError:
        fits = False
    if not fits:
        findings.invalid(path, REDACTED, "it is not a JSON object", hint="give the content of a docker config file")


def _size(data: Mapping[str, Any]) -> int:
    return sum(len(value if isinstance(value, bytes) else value.encode()) for value in data.values())
