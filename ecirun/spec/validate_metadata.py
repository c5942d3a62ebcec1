"""What the API requires of metadata (apimachinery pkg/api/validation/objectmeta.go and validation.go)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ecirun.spec import names
from ecirun.spec.findings import Findings
from ecirun.spec.validate_field import Values, inside, labels

MAX_ANNOTATIONS = 256 * 1024  # bytes, keys and values together

STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")

SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
APPARMOR_CONTAINER = "container.apparmor.security.beta.kubernetes.io/"
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"


def validate_metadata(
    findings: Findings,
    metadata: Values,
    path: str,
    *,
    name_required: bool = True,
    name_complaints: Callable[[str], names.Complaints] = names.dns_subdomain,
) -> None:
    """Check the metadata of an object, or with `name_required=False` of a template, at `path`."""
    if name_required:
        _validate_names(findings, metadata, path, name_complaints)
    labels(findings, metadata.get("labels", {}), f"{path}.labels")
    validate_annotations(findings, metadata.get("annotations", {}), f"{path}.annotations")
    for owner in metadata.get("ownerReferences", ()):
        _validate_owner(findings, owner, f"{path}.ownerReferences")
    for index, finalizer in enumerate(metadata.get("finalizers", ())):
        complaints = names.qualified_name(finalizer)
        findings.invalid(f"{path}.finalizers", finalizer, *complaints, hint="remove the finalizer")
        if "/" not in finalizer and finalizer not in STANDARD_FINALIZERS:
            detail = "name is neither a standard finalizer name nor is it fully qualified"
            findings.invalid(f"{path}.finalizers[{index}]", finalizer, detail, hint="remove the finalizer")


def _validate_names(findings: Findings, metadata: Values, path: str, complaints: Callable[[str], names.Complaints]) -> None:
    hint = "use lower case letters, digits, - and ."
    prefix, name, namespace = metadata.get("generateName"), metadata.get("name"), metadata.get("namespace")
    if name:
        findings.invalid(f"{path}.name", name, *complaints(name), hint=hint)
    elif prefix:
        findings.invalid(f"{path}.generateName", prefix, *complaints(names.generated(prefix)), hint=hint)
    else:
        findings.required(f"{path}.name", "name or generateName is required", hint="give the pod a name: metadata.name")
    if namespace:
        hint = "use lower case letters, digits and -"
        findings.invalid(f"{path}.namespace", namespace, *names.dns_label(namespace), hint=hint)


def validate_annotations(findings: Findings, annotations: Mapping[str, str], path: str) -> None:
    """Check keys and the size of all together."""
    for key in annotations:
        complaints = names.qualified_name(key.lower())
        mark = findings.where(f"{path}[{key}]")
        findings.invalid(path, key, *complaints, hint=f'correct the key "{key}"', mark=mark)
    if sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items()) > MAX_ANNOTATIONS:
        findings.too_long(path, MAX_ANNOTATIONS, hint="keep large data in a ConfigMap")


def _validate_owner(findings: Findings, owner: Values, path: str) -> None:
    for field, what in (("apiVersion", "version must"), ("kind", "must"), ("name", "must"), ("uid", "must")):
        if not owner.get(field):
            findings.invalid(f"{path}.{field}", owner.get(field, ""), f"{what} not be empty", hint="remove the owner reference")


def validate_pod_annotations(findings: Findings, annotations: Mapping[str, str], spec: Values, path: str) -> None:
    """Check the annotations that mean something for a pod; the older ones still do so for the API server."""
    if "kubernetes.io/config.mirror" in annotations and not spec.get("nodeName"):
        findings.invalid(
            f"{path}[kubernetes.io/config.mirror]",
            annotations["kubernetes.io/config.mirror"],
            "must set spec.nodeName if mirror pod annotation is set",
            hint="remove the annotation: the kubelet sets it",
        )
    cost = annotations.get(DELETION_COST)
    if cost is not None and not _is_deletion_cost(cost):
        detail = "must be a 32bit integer"
        findings.invalid(f"{path}[{DELETION_COST}]", cost, detail, hint="write a whole number in quotes")
    for key, value in annotations.items():
        if key == SECCOMP_POD or key.startswith(SECCOMP_CONTAINER):
            _validate_seccomp(findings, value, f"{path}.{key}")
        elif key.startswith(APPARMOR_CONTAINER):
            _validate_apparmor(findings, key, value, spec, f"{path}[{key}]")


def _is_deletion_cost(text: str) -> bool:
    return re.fullmatch("[+-]?[0-9]{1,10}", text) is not None and -(2**31) <= int(text) < 2**31 and not _padded(text)


def _padded(text: str) -> bool:
    # A plus sign or leading zeros would parse too, and make two texts of one number.
    return text.startswith("+") or (text.startswith("0") and text != "0")


def _validate_seccomp(findings: Findings, profile: str, path: str) -> None:
    if profile in ("runtime/default", "docker/default", "unconfined"):
        return
    if profile.startswith("localhost/"):
        inside(findings, profile.removeprefix("localhost/"), path)
    else:
        detail = "must be a valid seccomp profile"
        findings.invalid(path, profile, detail, hint="use securityContext.seccompProfile instead of the annotation")


def _validate_apparmor(findings: Findings, key: str, profile: str, spec: Values, path: str) -> None:
    name = key.removeprefix(APPARMOR_CONTAINER)
    hint = "use securityContext.appArmorProfile instead of the annotation"
    containers = [*spec.get("initContainers", ()), *spec.get("containers", ())]
    if all(container.get("name", "") != name for container in containers):
        findings.invalid(path, name, "container not found", hint=hint)
    if profile not in ("", "runtime/default", "unconfined") and not profile.startswith("localhost/"):
        findings.invalid(path, profile, f'invalid AppArmor profile name: "{profile}"', hint=hint)
