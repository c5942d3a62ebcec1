"""What the API requires of volumes (Kubernetes pkg/apis/core/validation/validation.go)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ecirun.spec import names
from ecirun.spec.findings import Findings
from ecirun.spec.validate_env import VOLUME_FIELDS, validate_field_ref, validate_resource_field_ref
from ecirun.spec.validate_field import Values, file_mode, inside_and_not_reserved, no_backsteps, one_of, require

Check = Callable[[Findings, Values, str], None]

HOST_PATH_TYPES = ("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")
# In which order the API looks for sources: of several, the first of these counts.
ORDER = (
    "emptyDir hostPath gitRepo gcePersistentDisk awsElasticBlockStore secret nfs iscsi glusterfs flocker "
    "persistentVolumeClaim rbd cinder cephfs quobyte downwardAPI fc flexVolume configMap azureFile vsphereVolume "
    "photonPersistentDisk portworxVolume azureDisk storageos projected scaleIO csi ephemeral image"
).split()
PULL_POLICIES = ("Always", "IfNotPresent", "Never")


def validate_volumes(
    findings: Findings, volumes: list[dict[str, Any]], path: str, pod_name: str | None, account: str | None
) -> dict[str, str]:
    """Check the volumes and return the kind of each by its name.

    `pod_name` is None in a template, where the pod has no name yet; `account` is the pod's serviceAccountName, or None there.
    """
    kinds: dict[str, str] = {}
    for index, volume in enumerate(volumes):
        where, name = f"{path}[{index}]", volume.get("name", "")
        sources = sorted((field for field in volume if field != "name"), key=ORDER.index)
        for extra in sources[1:]:
            findings.forbidden(f"{where}.{extra}", "may not specify more than 1 volume type", hint="keep one source per volume")
        kind = sources[0] if sources else "emptyDir"
        _validate_source(findings, volume.get(kind, {}), kind, f"{where}.{kind}")
        if kind == "ephemeral" and pod_name and name:
            complaints = [f'PVC name "{pod_name}-{name}": {text}' for text in names.dns_subdomain(f"{pod_name}-{name}")]
            findings.invalid(f"{where}.name", name, *complaints, hint="correct the names of pod and volume")
        if kind == "projected" and account == "":
            _forbid_tokens(findings, volume["projected"], f"{where}.projected")
        if require(findings, volume, "name", where, hint="give the volume a name"):
            hint = "use lower case letters, digits and -"
            findings.invalid(f"{where}.name", name, *names.dns_label(name), hint=hint)
            if name in kinds:
                findings.duplicate(f"{where}.name", name, hint="give each volume its own name")
        kinds[name] = kind
    _forbid_created_claims(findings, volumes, path, pod_name)
    return kinds


def _validate_source(findings: Findings, source: Values, kind: str, path: str) -> None:
    check = CHECKS.get(kind)
    if check is None:
        # Disks and file servers of other clouds: few pods have them, and none of them is mounted here.
        from ecirun.spec.validate_remote_volumes import CHECKS as REMOTE_CHECKS

        check = REMOTE_CHECKS.get(kind)
    if check is not None:
        check(findings, source, path)


def _forbid_created_claims(findings: Findings, volumes: list[dict[str, Any]], path: str, pod_name: str | None) -> None:
    created = {f"{pod_name}-{volume.get('name', '')}" for volume in volumes if pod_name and "ephemeral" in volume}
    for index, volume in enumerate(volumes):
        claim = volume.get("persistentVolumeClaim", {}).get("claimName")
        if claim in created:
            detail = "must not reference a PVC that gets created for an ephemeral volume"
            where = f"{path}[{index}].persistentVolumeClaim.claimName"
            findings.invalid(where, claim, detail, hint="mount the ephemeral volume itself")


def _empty_dir(findings: Findings, source: Values, path: str) -> None:
    medium = source.get("medium", "")
    if medium not in ("", "Memory") and not medium.startswith("HugePages"):
        detail = f'unknown storage medium "{medium}"'
        findings.invalid(f"{path}.medium", medium, detail, hint="leave it out, or write Memory")
    if "sizeLimit" in source:
        from ecirun.spec.quantity import parse_quantity

        if parse_quantity(source["sizeLimit"]).billionths < 0:
            detail = "SizeLimit field must be a valid resource quantity"
            findings.forbidden(f"{path}.sizeLimit", detail, hint="give an amount that is not negative")


def _host_path(findings: Findings, source: Values, path: str) -> None:
    if require(findings, source, "path", path, hint="use an emptyDir volume: ECI has no host to mount from"):
        no_backsteps(findings, source["path"], f"{path}.path")
        one_of(findings, source, "type", path, HOST_PATH_TYPES)


def _config_map(findings: Findings, source: Values, path: str) -> None:
    require(findings, source, "name", path, hint="name the ConfigMap")
    file_mode(findings, source, "defaultMode", path)
    _items(findings, source, path)


def _secret(findings: Findings, source: Values, path: str) -> None:
    require(findings, source, "secretName", path, hint="name the Secret")
    file_mode(findings, source, "defaultMode", path)
    _items(findings, source, path)


def _items(findings: Findings, source: Values, path: str) -> None:
    for index, item in enumerate(source.get("items", ())):
        where = f"{path}.items[{index}]"
        require(findings, item, "key", where, hint="name the key that the file shall hold")
        if require(findings, item, "path", where, hint="give the file's path in the volume"):
            inside_and_not_reserved(findings, item["path"], f"{where}.path")
        file_mode(findings, item, "mode", where)


def _downward_api(findings: Findings, source: Values, path: str) -> None:
    file_mode(findings, source, "defaultMode", path)
    _downward_files(findings, source, path)


def _downward_files(findings: Findings, source: Values, path: str) -> None:
    for index, item in enumerate(source.get("items", ())):
        where = f"{path}.items[{index}]"
        if require(findings, item, "path", where, hint="give the file's path in the volume"):
            inside_and_not_reserved(findings, item["path"], f"{where}.path")
        if "fieldRef" in item:
            validate_field_ref(findings, item["fieldRef"], f"{where}.fieldRef", VOLUME_FIELDS)
            if "resourceFieldRef" in item:
                detail = "fieldRef and resourceFieldRef can not be specified simultaneously"
                findings.invalid(where, "resource", detail, hint="keep one of them", rule="forbidden-combination")
        elif "resourceFieldRef" in item:
            ref = item["resourceFieldRef"]
            validate_resource_field_ref(findings, ref, f"{where}.resourceFieldRef", container_named=True)
        else:
            detail = "one of fieldRef and resourceFieldRef is required"
            findings.required(where, detail, hint="say which field the file shall hold")
        file_mode(findings, item, "mode", where)


def _projected(findings: Findings, source: Values, path: str) -> None:
    file_mode(findings, source, "defaultMode", path)
    taken: set[str] = set()
    for index, entry in enumerate(source.get("sources", ())):
        where = f"{path}.sources[{index}]"
        for kind, check in PROJECTIONS.items():
            if kind in entry:
                check(findings, entry[kind], f"{where}.{kind}")
        for file_path, value, place in _paths(entry, where):
            if file_path in taken:
                mark = findings.where(place)
                hint = "give each file of the volume its own path"
                findings.invalid(path, value, "conflicting duplicate paths", hint=hint, mark=mark)
            taken.add(file_path)
        if len(entry) > 1:
            findings.forbidden(where, "may not specify more than 1 volume type per source", hint="make an entry of each")


def _paths(entry: Values, path: str) -> Iterator[tuple[str, str, str]]:
    """The files of one source: path, what Kubernetes names when it is taken, and the field that gives it."""
    for kind in ("secret", "configMap", "downwardAPI"):
        for index, item in enumerate(entry.get(kind, {}).get("items", ())):
            if item.get("path"):
                value = item["path"] if kind == "downwardAPI" else entry[kind].get("name", "")
                yield item["path"], value, f"{path}.{kind}.items[{index}].path"
    bundle = entry.get("clusterTrustBundle", {}).get("path")
    if bundle:
        yield bundle, bundle, f"{path}.clusterTrustBundle.path"
    for field in ("credentialBundlePath", "keyPath", "certificateChainPath"):
        file_path = entry.get("podCertificate", {}).get(field)
        if file_path:
            yield file_path, file_path, f"{path}.podCertificate.{field}"


def _named_projection(findings: Findings, source: Values, path: str) -> None:
    require(findings, source, "name", path, hint="name the object")
    _items(findings, source, path)


def _token(findings: Findings, source: Values, path: str) -> None:
    seconds = source.get("expirationSeconds", 3600)
    if seconds < 600:
        detail = "may not specify a duration less than 10 minutes"
        findings.invalid(f"{path}.expirationSeconds", seconds, detail, hint="give 600 seconds or more")
    elif seconds > 1 << 32:
        detail = "may not specify a duration larger than 2^32 seconds"
        findings.invalid(f"{path}.expirationSeconds", seconds, detail, hint="give fewer seconds")
    if require(findings, source, "path", path, hint="give the file's path in the volume"):
        inside_and_not_reserved(findings, source["path"], f"{path}.path")


def _forbid_tokens(findings: Findings, source: Values, path: str) -> None:
    for index, entry in enumerate(source.get("sources", ())):
        if "serviceAccountToken" in entry:
            detail = "must not be specified when serviceAccountName is not set"
            where = f"{path}.sources[{index}].serviceAccountToken"
            findings.forbidden(where, detail, hint="add serviceAccountName to the spec, or remove the token")


def _claim(findings: Findings, source: Values, path: str) -> None:
    require(findings, source, "claimName", path, hint="name the PersistentVolumeClaim")


def _ephemeral(findings: Findings, source: Values, path: str) -> None:
    where = f"{path}.volumeClaimTemplate"
    if "volumeClaimTemplate" not in source:
        findings.required(where, hint="add the claim that shall be made")
        return
    from ecirun.spec.validate_claim import validate_claim_spec
    from ecirun.spec.validate_metadata import validate_metadata

    template = source["volumeClaimTemplate"]
    metadata = template.get("metadata", {})
    validate_metadata(findings, metadata, f"{where}.metadata", name_required=False)
    for field in metadata:
        if field not in ("annotations", "labels"):
            findings.forbidden(f"{where}.metadata.{field}", "cannot be set")
    validate_claim_spec(findings, template.get("spec", {}), f"{where}.spec")


def _image(findings: Findings, source: Values, path: str) -> None:
    require(findings, source, "reference", path, hint="name the image")
    one_of(findings, source, "pullPolicy", path, PULL_POLICIES, default=True)


def _trust_bundle(findings: Findings, source: Values, path: str) -> None:
    from ecirun.spec.validate_remote_volumes import validate_trust_bundle

    validate_trust_bundle(findings, source, path)


def _pod_certificate(findings: Findings, source: Values, path: str) -> None:
    from ecirun.spec.validate_remote_volumes import validate_pod_certificate

    validate_pod_certificate(findings, source, path)


CHECKS: Mapping[str, Check] = {
    "emptyDir": _empty_dir,
    "hostPath": _host_path,
    "configMap": _config_map,
    "secret": _secret,
    "downwardAPI": _downward_api,
    "projected": _projected,
    "persistentVolumeClaim": _claim,
    "ephemeral": _ephemeral,
    "image": _image,
}

PROJECTIONS: Mapping[str, Check] = {
    "secret": _named_projection,
    "configMap": _named_projection,
    "downwardAPI": _downward_files,
    "serviceAccountToken": _token,
    "clusterTrustBundle": _trust_bundle,
    "podCertificate": _pod_certificate,
}
