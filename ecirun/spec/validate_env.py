"""What the API requires of env and envFrom (Kubernetes pkg/apis/core/validation/validation.go)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from ecirun.spec import names
from ecirun.spec.findings import Findings
from ecirun.spec.validate_field import Values, label_name, no_backsteps, require

SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")

ENV_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
VOLUME_FIELDS = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
# Those that the API knows beside them, but that a container or a volume cannot have.
OTHER_FIELDS = ("spec.restartPolicy", "spec.schedulerName", "status.phase")

RESOURCES = tuple(f"{family}.{name}" for family in ("limits", "requests") for name in ("cpu", "ephemeral-storage", "memory"))
BYTES_DIVISORS = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")


def validate_env(findings: Findings, env: list[dict[str, Any]], path: str, volumes: Mapping[str, str]) -> None:
    """Check the variables; `volumes` are the pod's volumes with the kind of each."""
    for index, variable in enumerate(env):
        where = f"{path}[{index}]"
        if require(findings, variable, "name", where, hint="give the variable a name"):
            hint = "use letters, digits and _ in the name"
            findings.invalid(f"{where}.name", variable["name"], *names.env_name(variable["name"]), hint=hint)
        if "valueFrom" in variable:
            _validate_value_from(findings, variable, f"{where}.valueFrom", volumes)


def _validate_value_from(findings: Findings, variable: Values, path: str, volumes: Mapping[str, str]) -> None:
    source = variable["valueFrom"]
    if "fieldRef" in source:
        validate_field_ref(findings, source["fieldRef"], f"{path}.fieldRef", ENV_FIELDS)
    if "resourceFieldRef" in source:
        validate_resource_field_ref(findings, source["resourceFieldRef"], f"{path}.resourceFieldRef", container_named=False)
    for field in ("configMapKeyRef", "secretKeyRef"):
        if field in source:
            _validate_key_ref(findings, source[field], f"{path}.{field}")
    if "fileKeyRef" in source:
        _validate_file_key_ref(findings, source["fileKeyRef"], f"{path}.fileKeyRef", volumes)
    if not source:
        detail = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        findings.invalid(path, "", detail, hint="say where the value comes from, or give a plain value")
    elif variable.get("value"):
        detail = "may not be specified when `value` is not empty"
        findings.invalid(path, "", detail, hint="keep either value or valueFrom", rule="forbidden-combination")
    elif len(source) > 1:
        detail = "may not have more than one field specified at a time"
        findings.invalid(path, "", detail, hint="keep one source of the value", rule="forbidden-combination")


def validate_field_ref(findings: Findings, ref: Values, path: str, fields: Collection[str]) -> None:
    """Check a fieldRef that may name one of `fields`, or a label or annotation by its key."""
    if not require(findings, ref, "fieldPath", path, hint="name a field of the pod, such as metadata.name"):
        return
    # spec.host is the name that spec.nodeName had once.
    name, field = ref["fieldPath"].replace("spec.host", "spec.nodeName"), f"{path}.fieldPath"
    hint = "name one of " + ", ".join((*fields, "metadata.labels['KEY']", "metadata.annotations['KEY']"))
    version = ref.get("apiVersion") or "v1"
    subscripted = re.fullmatch(r"(.*)\['(.*)'\]", name, re.DOTALL)
    base = subscripted[1] if subscripted else name
    if version != "v1":
        findings.invalid(
            field, name, f"error converting fieldPath: unsupported pod version: {version}", hint="leave out apiVersion"
        )
    elif subscripted and base not in ("metadata.labels", "metadata.annotations"):
        detail = f"error converting fieldPath: field label does not support subscript: {name}"
        findings.invalid(field, name, detail, hint=hint)
    elif subscripted:
        key = subscripted[2]
        label_name(findings, key.lower() if base == "metadata.annotations" else key, path)
    elif name not in {*ENV_FIELDS, *VOLUME_FIELDS, *OTHER_FIELDS}:
        findings.invalid(field, name, f"error converting fieldPath: field label not supported: {name}", hint=hint)
    elif name not in fields:
        findings.unsupported(field, name, fields, hint=hint)


def validate_resource_field_ref(findings: Findings, ref: Values, path: str, *, container_named: bool) -> None:
    """Check a resourceFieldRef; with `container_named` it must say of which container."""
    resource = ref.get("resource", "")
    if container_named and not ref.get("containerName"):
        findings.required(f"{path}.containerName", hint="name one of the pod's containers")
    elif not resource:
        findings.required(f"{path}.resource", hint="name a resource, such as limits.memory")
    elif resource not in RESOURCES and not re.match(r"(limits|requests)\.hugepages-", resource):
        findings.unsupported(f"{path}.resource", resource, RESOURCES)
    if "divisor" in ref:
        _validate_divisor(findings, resource, ref["divisor"], f"{path}.divisor")


def _validate_divisor(findings: Findings, resource: str, divisor: str, path: str) -> None:
    from ecirun.spec.quantity import parse_quantity

    written = parse_quantity(divisor).canonical()
    name = resource.partition(".")[2]
    what = "hugepages" if name.startswith("hugepages-") else {"ephemeral-storage": "local ephemeral storage"}.get(name, name)
    if what == "cpu":
        if written not in ("0", "1m", "1"):
            detail = "only divisor's values 1m and 1 are supported with the cpu resource"
            findings.invalid(path, resource, detail, hint="write 1m for thousandths, or 1")
    elif what in ("memory", "hugepages", "local ephemeral storage") and written not in ("0", *BYTES_DIVISORS):
        detail = f"only divisor's values {', '.join(BYTES_DIVISORS)} are supported with the {what} resource"
        findings.invalid(path, resource, detail, hint="write a unit, such as 1Mi")


def _validate_key_ref(findings: Findings, ref: Values, path: str) -> None:
    findings.invalid(f"{path}.name", ref.get("name", ""), *names.dns_subdomain(ref.get("name", "")), hint="name the object")
    if require(findings, ref, "key", path, hint="name the key whose value is wanted"):
        hint = "use letters, digits, -, _ and . in the key"
        findings.invalid(f"{path}.key", ref["key"], *names.config_key(ref["key"]), hint=hint)


def _validate_file_key_ref(findings: Findings, ref: Values, path: str, volumes: Mapping[str, str]) -> None:
    if require(findings, ref, "key", path, hint="name the variable in the file whose value is wanted"):
        findings.invalid(f"{path}.key", ref["key"], *names.env_name(ref["key"]), hint="correct the key")
    if require(findings, ref, "volumeName", path, hint="name the emptyDir volume that has the file"):
        name = ref["volumeName"]
        complaints = names.dns_label(name)
        findings.invalid(f"{path}.volumeName", name, *complaints, hint="correct the name")
        if name not in volumes:
            findings.not_found(f"{path}.volumeName", name, hint="add the volume to spec.volumes")
        elif volumes[name] != "emptyDir":
            detail = "referenced volume must be of type emptyDir"
            findings.invalid(f"{path}.volumeName", name, detail, hint="name an emptyDir volume")
    if require(findings, ref, "path", path, hint="give the file's path in the volume"):
        no_backsteps(findings, ref["path"], f"{path}.path")


def validate_env_from(findings: Findings, sources: list[dict[str, Any]], path: str) -> None:
    """Check the sources that give all their keys as variables."""
    for index, source in enumerate(sources):
        where = f"{path}[{index}]"
        if prefix := source.get("prefix"):
            findings.invalid(f"{where}.prefix", prefix, *names.env_name(prefix), hint="use letters, digits and _ in the prefix")
        there = [field for field in ("configMapRef", "secretRef") if field in source]
        for field in there:
            if require(findings, source[field], "name", f"{where}.{field}", hint="name the object"):
                name = source[field]["name"]
                complaints = names.dns_subdomain(names.generated(name))
                findings.invalid(f"{where}.{field}.name", name, *complaints, hint="correct the name")
        if len(there) != 1:
            detail = (
                "may not have more than one field specified at a time"
                if there
                else "must specify one of: `configMapRef` or `secretRef`"
            )
            findings.invalid(path, "", detail, hint="name one ConfigMap or Secret per entry", mark=findings.where(where))
