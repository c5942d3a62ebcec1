"""What the API requires of volumes that live on a server or in a cloud (Kubernetes pkg/apis/core/validation/validation.go).

None of them is mounted here; they are checked so that the API server's answer is known before it gives it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ecirun.spec import names
from ecirun.spec.findings import Findings
from ecirun.spec.validate_field import Values, in_range, inside, inside_and_not_reserved, one_of, require
from ecirun.spec.validate_labels import validate_label_selector

Check = Callable[[Findings, Values, str], None]

KEY_TYPES = ("RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519")
ISCSI_NAMES = (
    ("iqn", r"iqn\.[0-9]{4}-[0-9]{2}\.([A-Za-z0-9-.]+)(:[^,;*&$|\s]+)"),
    ("eui", "eui.[A-Za-z0-9]{16}"),
    ("naa", "naa.[A-Za-z0-9]{32}"),
)


def _requiring(*fields: str) -> Check:
    """A check that the fields are there."""

    def check(findings: Findings, source: Values, path: str) -> None:
        for field in fields:
            require(findings, source, field, path)

    return check


def _number(findings: Findings, source: Values, field: str, path: str, low: int, high: int) -> None:
    value = source.get(field)
    if value is not None and not (low <= value <= high or value == 0):
        findings.invalid(f"{path}.{field}", value, in_range(low, high), hint=f"give a number from {low} to {high}")


def _gce_disk(findings: Findings, source: Values, path: str) -> None:
    require(findings, source, "pdName", path)
    _number(findings, source, "partition", path, 1, 255)


def _aws_disk(findings: Findings, source: Values, path: str) -> None:
    require(findings, source, "volumeID", path)
    _number(findings, source, "partition", path, 1, 255)


def _git_repo(findings: Findings, source: Values, path: str) -> None:
    require(findings, source, "repository", path)
    inside(findings, source.get("directory", ""), f"{path}.directory")


def _nfs(findings: Findings, source: Values, path: str) -> None:
    require(findings, source, "server", path)
    require(findings, source, "path", path)
    folder = source.get("path", "")
    if not folder.startswith("/"):
        findings.invalid(f"{path}.path", folder, "must be an absolute path", hint="begin the path with /")


def _iscsi(findings: Findings, source: Values, path: str) -> None:
    require(findings, source, "targetPortal", path)
    if require(findings, source, "iqn", path):
        _iscsi_name(findings, source["iqn"], f"{path}.iqn")
    _number(findings, source, "lun", path, 0, 255)
    if (source.get("chapAuthDiscovery") or source.get("chapAuthSession")) and "secretRef" not in source:
        findings.required(f"{path}.secretRef")
    if "initiatorName" in source:
        _iscsi_name(findings, source["initiatorName"], f"{path}.initiatorName")


def _iscsi_name(findings: Findings, name: str, path: str) -> None:
    expression = next((expression for prefix, expression in ISCSI_NAMES if name.startswith(prefix)), None)
    if expression is None:
        detail = "must be valid format starting with iqn, eui, or naa"
        findings.invalid(path, name, detail, hint="write it as in iqn.2001-04.com.example:storage")
    elif not re.fullmatch(expression, name):
        findings.invalid(path, name, "must be valid format", hint="write it as in iqn.2001-04.com.example:storage")


def _fc(findings: Findings, source: Values, path: str) -> None:
    targets, wwids = source.get("targetWWNs", ()), source.get("wwids", ())
    if not targets and not wwids:
        findings.required(f"{path}.targetWWNs", "must specify either targetWWNs or wwids, but not both")
    if targets and wwids:
        detail = "targetWWNs and wwids can not be specified simultaneously"
        findings.invalid(f"{path}.targetWWNs", targets, detail, hint="keep one of them")
    if targets:
        if "lun" not in source:
            findings.required(f"{path}.lun", "lun is required if targetWWNs is specified")
        _number(findings, source, "lun", path, 0, 255)


def _quobyte(findings: Findings, source: Values, path: str) -> None:
    registry, detail = source.get("registry", ""), "must be a host:port pair or multiple pairs separated by commas"
    if not registry:
        findings.required(f"{path}.registry", detail)
    elif len(source.get("tenant", "")) > 64:
        findings.required(f"{path}.tenant", "must be a UUID and may not exceed a length of 64 characters")
    else:
        for pair in registry.split(","):
            if not re.fullmatch(r"([^:\[\]]*|\[[^\[\]]*\]):[^:]*", pair):
                findings.invalid(f"{path}.registry", registry, detail, hint="write it as host:port")
    require(findings, source, "volume", path)


def _flocker(findings: Findings, source: Values, path: str) -> None:
    name, uuid = source.get("datasetName", ""), source.get("datasetUUID", "")
    if not name and not uuid:
        findings.required(path, "one of datasetName and datasetUUID is required", hint="add datasetName")
    elif name and uuid:
        detail = "datasetName and datasetUUID can not be specified simultaneously"
        findings.invalid(path, "resource", detail, hint="keep one of them", rule="forbidden-combination")
    if "/" in name:
        findings.invalid(f"{path}.datasetName", name, "must not contain '/'", hint="leave out the /")


def _with_secret(*fields: str) -> Check:
    """A check that the fields are there, and the name of the secret when there is a secretRef."""

    def check(findings: Findings, source: Values, path: str) -> None:
        for field in fields:
            require(findings, source, field, path)
        if "secretRef" in source:
            require(findings, source["secretRef"], "name", f"{path}.secretRef")

    return check


def _flex(findings: Findings, source: Values, path: str) -> None:
    require(findings, source, "driver", path)
    for key in source.get("options", {}):
        if f".{key.partition('/')[0].lower()}".endswith((".kubernetes.io", ".k8s.io")) and "/" in key:
            detail = "kubernetes.io and k8s.io namespaces are reserved"
            findings.invalid(f"{path}.options[{key}]", key, detail, hint="rename the option")


def _azure_disk(findings: Findings, source: Values, path: str) -> None:
    require(findings, source, "diskName", path)
    require(findings, source, "diskURI", path)
    one_of(findings, source, "cachingMode", path, ("None", "ReadOnly", "ReadWrite"))
    one_of(findings, source, "kind", path, ("Dedicated", "Managed", "Shared"))
    kind, uri = source.get("kind", "Shared"), source.get("diskURI", "")
    if kind == "Managed" and not uri.startswith("/subscriptions/"):
        form = "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"
        findings.unsupported(f"{path}.diskURI", uri, (form,), hint="write the URI in that form")
    elif kind != "Managed" and not uri.startswith("https://"):
        form = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"
        findings.unsupported(f"{path}.diskURI", uri, (form,), hint="write the URI in that form")


def _storage_os(findings: Findings, source: Values, path: str) -> None:
    if require(findings, source, "volumeName", path):
        name = source["volumeName"]
        findings.invalid(f"{path}.volumeName", name, *names.dns_label(name), hint="correct the name")
    if namespace := source.get("volumeNamespace"):
        findings.invalid(f"{path}.volumeNamespace", namespace, *names.dns_label(namespace), hint="correct the name")
    if "secretRef" in source:
        require(findings, source["secretRef"], "name", f"{path}.secretRef")


def _csi(findings: Findings, source: Values, path: str) -> None:
    if require(findings, source, "driver", path):
        driver = source["driver"]
        if len(driver.encode()) > 63:
            findings.too_long(f"{path}.driver", 63, hint="correct the driver's name")
        findings.invalid(f"{path}.driver", driver, *names.dns_subdomain(driver.lower()), hint="correct the driver's name")
    if "nodePublishSecretRef" in source:
        ref, where = source["nodePublishSecretRef"], f"{path}.nodePublishSecretRef"
        if require(findings, ref, "name", where):
            findings.invalid(f"{where}.name", ref["name"], *names.dns_subdomain(ref["name"]), hint="correct the name")


def validate_trust_bundle(findings: Findings, source: Values, path: str) -> None:
    """Check a clusterTrustBundle of a projected volume."""
    name, signer = source.get("name"), source.get("signerName")
    if name is not None and signer is not None:
        detail = "only one of name and signerName may be used"
        findings.invalid(path, source, detail, hint="keep one of them", rule="forbidden-combination")
    elif name is not None:
        if not name:
            findings.required(f"{path}.name", "must be a valid object name")
        if "labelSelector" in source:
            detail = "labelSelector must be unset if name is specified"
            findings.invalid(f"{path}.labelSelector", source["labelSelector"], detail, hint="remove labelSelector")
    elif signer is None:
        findings.required(path, "either name or signerName must be specified", hint="add name")
    elif not signer:
        findings.required(f"{path}.signerName", "must be a valid signer name")
    if name is None and "labelSelector" in source:
        validate_label_selector(findings, source["labelSelector"], f"{path}.labelSelector")
    if require(findings, source, "path", path, hint="give the file's path in the volume"):
        inside_and_not_reserved(findings, source["path"], f"{path}.path")


def validate_pod_certificate(findings: Findings, source: Values, path: str) -> None:
    """Check a podCertificate of a projected volume."""
    require(findings, source, "signerName", path)
    if source.get("keyType") not in KEY_TYPES:
        findings.unsupported(f"{path}.keyType", source.get("keyType", ""), KEY_TYPES)
    seconds = source.get("maxExpirationSeconds")
    if seconds is not None and seconds < 3600:
        detail = "if provided, maxExpirationSeconds must be >= 3600"
        findings.invalid(f"{path}.maxExpirationSeconds", seconds, detail, hint="give 3600 seconds or more")
    fields = [field for field in ("credentialBundlePath", "keyPath", "certificateChainPath") if source.get(field)]
    for field in fields:
        inside_and_not_reserved(findings, source[field], f"{path}.{field}")
    if not fields:
        detail = "specify at least one of credentialBundlePath, keyPath, and certificateChainPath"
        findings.required(path, detail, hint="add credentialBundlePath")


CHECKS: Mapping[str, Check] = {
    "gitRepo": _git_repo,
    "gcePersistentDisk": _gce_disk,
    "awsElasticBlockStore": _aws_disk,
    "nfs": _nfs,
    "iscsi": _iscsi,
    "glusterfs": _requiring("endpoints", "path"),
    "flocker": _flocker,
    "rbd": _requiring("monitors", "image"),
    "cinder": _with_secret("volumeID"),
    "cephfs": _requiring("monitors"),
    "quobyte": _quobyte,
    "fc": _fc,
    "flexVolume": _flex,
    "azureFile": _requiring("secretName", "shareName"),
    "vsphereVolume": _requiring("volumePath"),
    "photonPersistentDisk": _requiring("pdID"),
    "portworxVolume": _requiring("volumeID"),
    "azureDisk": _azure_disk,
    "storageos": _storage_os,
    "scaleIO": _requiring("gateway", "system", "volumeName"),
    "csi": _csi,
}
