"""The objects that pods refer to by name and that may stand beside them in a file: ConfigMaps, Secrets, claims of volumes.

`stream_pods` hands them to its `on_other`; `read_companion` makes of each what a pod needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from ecirun.record import Record
from ecirun.spec.decode import Decoder
from ecirun.spec.finding import Finding
from ecirun.spec.findings import Findings, Validate
from ecirun.spec.pod import NOTHING
from ecirun.spec.read import stream_objects
from ecirun.spec.source import Mark
from ecirun.spec.validate_companion import validate_companion
from ecirun.spec.yaml_tree import MapNode, ScalarNode

KINDS = ("ConfigMap", "Secret", "PersistentVolumeClaim")


class Companion(Record):
    """One such object; `kind` is ConfigMap, Secret or PersistentVolumeClaim.

    `data` has the keys of a ConfigMap or Secret, each with the bytes of its value.
    """

    kind: str
    name: str
    namespace: str
    mark: Mark
    findings: tuple[Finding, ...]
    data: Mapping[str, bytes] = NOTHING


def stream_companions(stream: BinaryIO, file: str, validate: Validate = "strict") -> Iterator[Companion]:
    """Every such object of an open file; what else is in it is passed over. Raises SpecUnreadable."""
    for node in stream_objects(stream, file):
        companion = read_companion(node, validate)
        if companion:
            yield companion


def read_companion(node: MapNode, validate: Validate = "strict") -> Companion | None:
    """The object, with everything that the API would refuse in it; None when it is of another kind."""
    written, version = node.get("kind"), node.get("apiVersion")
    kind = written.value if isinstance(written, ScalarNode) else None
    foreign = isinstance(version, ScalarNode) and "/" in version.text
    if kind not in KINDS or not isinstance(kind, str) or foreign:
        return None
    findings = Findings(node.mark, validate)
    values = Decoder(findings, "spec").object(node, kind, "")
    validate_companion(findings, values, kind)
    metadata = values.get("metadata", {})
    found = findings.in_file_order()
    return Companion(
        kind=kind,
        name=metadata.get("name", ""),
        namespace=metadata.get("namespace") or "default",
        mark=node.mark,
        findings=tuple(_without_contents(finding) for finding in found) if kind == "Secret" else tuple(found),
        data=_data(values) if kind != "PersistentVolumeClaim" else NOTHING,
    )


def _without_contents(finding: Finding) -> Finding:
    """The finding, without the value of a Secret that has the wrong type."""
    if finding.rule.id != "wrong-type" or not finding.path.startswith(("data[", "stringData[")):
        return finding
    reason = finding.message[finding.message.index("json: ") :]
    message = f"Invalid value: <contents not shown>: {reason}"
    return finding._replace(value=None, message=message, hint="write the value as a string, in quotes")


def _data(values: Mapping[str, Any]) -> Mapping[str, bytes]:
    """All keys; a Secret's stringData wins over its data, as the API server merges them."""
    plain = {**values.get("data", {}), **values.get("binaryData", {}), **values.get("stringData", {})}
    return {key: value if isinstance(value, bytes) else value.encode() for key, value in plain.items()}
