"""A file → one reading per pod in it: documents, lists, and the objects that hold a pod template."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, BinaryIO

from ecirun.errors import NoPod, SpecUnreadable
from ecirun.record import Record
from ecirun.spec.build_pod import build_pod
from ecirun.spec.decode import Decoder, plain_value
from ecirun.spec.finding import Finding
from ecirun.spec.findings import Findings, Validate
from ecirun.spec.pod import Pod, Volume
from ecirun.spec.source import Mark
from ecirun.spec.validate_metadata import validate_metadata, validate_pod_annotations
from ecirun.spec.validate_pod import validate_pod_spec
from ecirun.spec.yaml_tree import ListNode, MapNode, Node, ScalarNode, stream_documents


class Kind(Record):
    """A kind that holds a pod: its API version, and the path of the pod template in it (empty for a pod itself)."""

    api_version: str
    template: tuple[str, ...] = ()


KINDS: Mapping[str, Kind] = {
    "Pod": Kind("v1"),
    "PodTemplate": Kind("v1", ("template",)),
    "ReplicationController": Kind("v1", ("spec", "template")),
    "Deployment": Kind("apps/v1", ("spec", "template")),
    "StatefulSet": Kind("apps/v1", ("spec", "template")),
    "ReplicaSet": Kind("apps/v1", ("spec", "template")),
    "DaemonSet": Kind("apps/v1", ("spec", "template")),
    "Job": Kind("batch/v1", ("spec", "template")),
    "CronJob": Kind("batch/v1", ("spec", "jobTemplate", "spec", "template")),
}

# Kinds without a pod that stand beside pods in one file: they are passed over.
WITHOUT_POD = frozenset(
    "ConfigMap Secret Service ServiceAccount Namespace PersistentVolume PersistentVolumeClaim Endpoints Event LimitRange Node "
    "ResourceQuota ControllerRevision Ingress NetworkPolicy PodSecurityPolicy".split()
)

NO_VALUES: Mapping[str, Any] = MappingProxyType({})


class Reading(Record):
    """One pod of a file, or why there is none: `pod` is None where the object could not be read as one.

    `values` is the whole object as plain values of the API's types, without what did not fit; `marks` maps their field paths to
    places.
    """

    pod: Pod | None
    kind: str
    name: str
    mark: Mark
    findings: tuple[Finding, ...]
    values: Mapping[str, Any] = NO_VALUES
    marks: Mapping[str, Mark] = NO_VALUES

    @property
    def template(self) -> Mapping[str, Any]:
        """What of `values` holds the pod's metadata and spec: the object itself, or the pod template in it."""
        return _inner(self.values, KINDS[self.kind].template)

    def with_values(self, values: Mapping[str, Any]) -> Reading:
        """The same object with other values, and the pod that they make."""
        return self._replace(values=values, pod=_built(self.kind, values, self.mark, self.marks))


def read_pods(data: bytes, file: str, *, validate: Validate = "strict") -> list[Reading]:
    """Every pod of the file, in file order. Raises SpecUnreadable when there is nothing in it that could be judged."""
    return list(stream_pods(io.BytesIO(data), file, validate=validate))


def stream_pods(
    stream: BinaryIO,
    file: str,
    *,
    validate: Validate = "strict",
    strangers: bool = False,
    on_other: Callable[[MapNode], None] | None = None,
) -> Iterator[Reading]:
    """Every pod of an open file, each as soon as it is read.

    Objects without a pod are passed over; `on_other` sees each of them. With `strangers`, so are documents that are no
    Kubernetes objects at all. Raises SpecUnreadable where the file cannot be read on, and NoPod when it held no pod.
    """
    found = False
    passed_over: dict[str, None] = {}
    documents = 0
    for document in stream_documents(stream, file):
        documents += 1
        for node in _objects((document,), strangers=strangers):
            kind = _text(node, "kind")
            if _holds_no_pod(node, kind):
                passed_over[kind] = None
                if on_other:
                    on_other(node)
            else:
                found = True
                yield _read_object(node, validate)
    if not documents:
        raise NoPod(f"Can't read {file}: it is empty", where=file, hint="see `ecirun examples` for pods to start from")
    if not found:
        there = ", ".join(passed_over) or "an empty list"
        raise NoPod(
            f"Can't read {file}: it holds no pod, only {there}", where=file, hint="give one of the kinds " + ", ".join(KINDS)
        )


def stream_objects(stream: BinaryIO, file: str) -> Iterator[MapNode]:
    """Every Kubernetes object of an open file, of whatever kind, lists taken apart. Raises SpecUnreadable."""
    return _objects(stream_documents(stream, file), strangers=False)


def _objects(nodes: Iterable[Node], *, strangers: bool) -> Iterator[MapNode]:
    for node in nodes:
        if strangers and not (isinstance(node, MapNode) and ("kind" in node.entries or "apiVersion" in node.entries)):
            continue
        if not isinstance(node, MapNode):
            what = "list" if isinstance(node, ListNode) else "single value"
            raise SpecUnreadable(
                f"Can't read {node.mark}: it is a {what}, not a Kubernetes object",
                where=str(node.mark),
                hint="begin with apiVersion: v1 and kind: Pod",
            )
        items = node.get("items")
        if _text(node, "kind").endswith("List") and isinstance(items, ListNode):
            yield from _objects((_item(item, node) for item in items.items), strangers=strangers)
        else:
            yield node


def _item(item: Node, owner: MapNode) -> Node:
    """An item of a list; of one such as PodList it need not say its kind again."""
    kind = _text(owner, "kind").removesuffix("List")
    if isinstance(item, MapNode) and "kind" not in item.entries and kind:
        said = owner.entries["kind"][1]
        item.entries["kind"] = (said, ScalarNode(said.file, said.line, said.column, kind, kind))
        if "apiVersion" in owner.entries:
            item.entries.setdefault("apiVersion", owner.entries["apiVersion"])
    return item


def _text(node: MapNode, key: str) -> str:
    value = node.get(key)
    return value.value if isinstance(value, ScalarNode) and isinstance(value.value, str) else ""


def _holds_no_pod(node: MapNode, kind: str) -> bool:
    group = _text(node, "apiVersion").partition("/")
    foreign = bool(group[1]) and group[0] not in ("apps", "batch", "extensions")
    return kind in WITHOUT_POD or (kind not in KINDS and kind != "" and foreign)


def _read_object(node: MapNode, validate: Validate) -> Reading:
    findings = Findings(node.mark, validate)
    kind = _text(node, "kind")
    name = _metadata_name(node)
    if not _known_kind(findings, node, kind):
        return Reading(None, kind, name, node.mark, tuple(findings.in_file_order()))
    template = KINDS[kind].template
    prefix = _prefix(template)
    values = Decoder(findings, f"{prefix}spec").object(node, kind, "")
    _check_api_version(findings, values, kind)
    validate_metadata(findings, values.get("metadata", {}), "metadata")
    holder = _inner(values, template)
    if template:
        # Most files hold plain pods.
        from ecirun.spec.validate_owner import report_owner

        validate_metadata(findings, holder.get("metadata", {}), f"{prefix}metadata", name_required=False)
        report_owner(findings, values, kind, template)
    metadata = holder.get("metadata", {})
    if annotations := metadata.get("annotations"):
        validate_pod_annotations(findings, annotations, holder.get("spec", {}), f"{prefix}metadata.annotations")
    if "spec" in holder:
        claims = _claimed(kind, values)
        validate_pod_spec(findings, holder["spec"], f"{prefix}spec", kind, metadata, claims)
    else:
        findings.required(f"{prefix}spec", hint="add spec with at least one container")
    pod = _built(kind, values, node.mark, findings.marks)
    return Reading(pod, kind, pod.name, node.mark, tuple(findings.in_file_order()), values, findings.marks)


def _prefix(template: tuple[str, ...]) -> str:
    return "".join(f"{part}." for part in template)


def _inner(values: Mapping[str, Any], template: tuple[str, ...]) -> Mapping[str, Any]:
    for part in template:
        values = values.get(part, {})
    return values


def _built(kind: str, values: Mapping[str, Any], mark: Mark, marks: Mapping[str, Mark]) -> Pod:
    template = KINDS[kind].template
    holder = _inner(values, template)
    owner = values.get("metadata", {})
    pod = build_pod(kind, owner, holder.get("metadata", {}), holder.get("spec", {}), _prefix(template), mark, marks)
    return _with_claims(pod, _claimed(kind, values))


def _claimed(kind: str, values: Mapping[str, Any]) -> list[str]:
    """The volumes that a StatefulSet gives each of its pods beside those of the template."""
    if kind != "StatefulSet":
        return []
    claims = values.get("spec", {}).get("volumeClaimTemplates", ())
    return [claim.get("metadata", {}).get("name", "") for claim in claims]


def _with_claims(pod: Pod, names: list[str]) -> Pod:
    """The StatefulSet's first pod, whose claims it names after itself."""
    volumes = [
        Volume(name, "persistentVolumeClaim", {"claimName": f"{name}-{pod.name}-0"}, f"spec.volumeClaimTemplates[{index}]")
        for index, name in enumerate(names)
    ]
    return pod._replace(volumes=(*pod.volumes, *volumes)) if volumes else pod


def _metadata_name(node: MapNode) -> str:
    metadata = node.get("metadata")
    return _text(metadata, "name") if isinstance(metadata, MapNode) else ""


def _known_kind(findings: Findings, node: MapNode, kind: str) -> bool:
    if kind in KINDS:
        return True
    value = node.get("kind")
    findings.marks["kind"] = value.mark if value else node.mark
    if value is None or (isinstance(value, ScalarNode) and value.value in (None, "")):
        findings.required("kind", hint="add kind: Pod")
    else:
        findings.unsupported("kind", plain_value(value), KINDS)
    return False


def _check_api_version(findings: Findings, values: Mapping[str, Any], kind: str) -> None:
    wanted = KINDS[kind].api_version
    found = values.get("apiVersion")
    if not found:
        findings.required("apiVersion", hint=f"add apiVersion: {wanted}")
    elif found != wanted:
        findings.unsupported("apiVersion", found, (wanted,), hint=f"write apiVersion: {wanted}")
