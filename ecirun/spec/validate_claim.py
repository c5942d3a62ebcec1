"""What the API requires of a PersistentVolumeClaim's spec (Kubernetes pkg/apis/core/validation/validation.go)."""

from __future__ import annotations

from ecirun.spec import names
from ecirun.spec.findings import Findings
from ecirun.spec.quantity import parse_quantity
from ecirun.spec.validate_field import Values, one_of, require
from ecirun.spec.validate_labels import validate_label_selector

MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")


def validate_claim_spec(findings: Findings, spec: Values, path: str) -> None:
    """Check the claim's spec at `path`."""
    modes = spec.get("accessModes", ())
    if not modes:
        detail = "at least 1 access mode is required"
        findings.required(f"{path}.accessModes", detail, hint="add accessModes: [ReadWriteOnce]")
    if "selector" in spec:
        validate_label_selector(findings, spec["selector"], f"{path}.selector")
    for mode in modes:
        if mode not in MODES:
            findings.unsupported(f"{path}.accessModes", mode, MODES)
    if "ReadWriteOncePod" in modes and any(mode in MODES for mode in modes if mode != "ReadWriteOncePod"):
        findings.forbidden(
            f"{path}.accessModes", "may not use ReadWriteOncePod with other access modes", hint="keep one of them"
        )
    _validate_storage(findings, spec, f"{path}.resources[storage]")
    for field in ("storageClassName", "volumeAttributesClassName"):
        if name := spec.get(field):
            findings.invalid(f"{path}.{field}", name, *names.dns_subdomain(name), hint="correct the name of the class")
    one_of(findings, spec, "volumeMode", path, ("Block", "Filesystem"))
    for field in ("dataSource", "dataSourceRef"):
        if field in spec:
            _validate_data_source(findings, spec[field], f"{path}.{field}")


def _validate_storage(findings: Findings, spec: Values, path: str) -> None:
    amount = spec.get("resources", {}).get("requests", {}).get("storage")
    if amount is None:
        findings.required(path, hint="add resources.requests.storage, such as 1Gi")
    elif parse_quantity(amount).billionths <= 0:
        findings.invalid(path, amount, "must be greater than zero", hint="ask for more than nothing")


def _validate_data_source(findings: Findings, source: Values, path: str) -> None:
    require(findings, source, "name", path)
    require(findings, source, "kind", path)
    if not source.get("apiGroup") and source.get("kind") != "PersistentVolumeClaim":
        detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        findings.invalid(path, source.get("kind", ""), detail, hint="add apiGroup, or write kind: PersistentVolumeClaim")
