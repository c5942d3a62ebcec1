"""Where pods come from: files, text, dicts, and a few words in Python."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO

from ecirun.errors import SpecUnreadable
from ecirun.spec import Reading, stream_pods
from ecirun.spec.finding import Finding
from ecirun.spec.findings import Validate

if TYPE_CHECKING:
    from ecirun.spec import pod as spec
    from ecirun.spec.yaml_tree import MapNode

EXAMPLE = "example:"
Source = str | os.PathLike[str] | Mapping[str, Any]
Objects = dict[tuple[str, str, str], dict[str, bytes]]


class Pod:
    """A pod as it was read.

    `name`, `namespace` and `kind` (of the object that holds it: Pod, Deployment, …), `file` and `line` where it begins,
    `findings` of the Kubernetes API's own rules, `spec` the typed pod (None when there are too many mistakes in it for that),
    `objects` the ConfigMaps and Secrets that stand beside it.
    """

    def __init__(self, reading: Reading, objects: Objects) -> None:
        self._reading = reading
        self.objects = objects
        self.name = reading.name or (reading.pod.name if reading.pod else "")
        self.namespace = reading.pod.namespace if reading.pod else "default"
        self.kind = reading.kind
        self.file = reading.mark.file
        self.line = reading.mark.line
        self.findings: tuple[Finding, ...] = reading.findings
        self.spec: spec.Pod | None = reading.pod

    def __repr__(self) -> str:
        return f"<ecirun.Pod {self.namespace}/{self.name} from {self.file}:{self.line}>"


def load(source: Source, *, beside: Iterable[Source] = (), validate: Validate = "strict") -> list[Pod]:
    """The pods of a file (or `example:NAME`), or of an object given as a dict, with its ConfigMaps and Secrets.

    `beside` are further files or dicts with ConfigMaps and Secrets. Raises SpecUnreadable when there is no pod in it; what is
    wrong with a pod is in its findings.

    >>> [pod.name for pod in load("example:sysctl")]
    ['sysctl-example']
    """
    objects: Objects = {}
    with _open(source)[0] as stream:
        readings = list(stream_pods(stream, _shown(source), validate=validate, on_other=_learner(objects)))
    for other in beside:
        _learn_all(other, objects)
    return [Pod(reading, objects) for reading in readings]


def loads(text: str | bytes, *, name: str = "<text>", validate: Validate = "strict") -> list[Pod]:
    """The pods of YAML or JSON text; `name` is what findings call it. Raises SpecUnreadable.

    >>> loads("{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: c, image: busybox}]}}")
    [<ecirun.Pod default/a from <text>:1>]
    """
    objects: Objects = {}
    data = text.encode() if isinstance(text, str) else text
    readings = list(stream_pods(io.BytesIO(data), name, validate=validate, on_other=_learner(objects)))
    return [Pod(reading, objects) for reading in readings]


def pod(
    *,
    name: str = "pod",
    image: str = "busybox",
    command: Sequence[str] = ("sleep", "infinity"),
    capabilities: Sequence[str] = (),
    drop: Sequence[str] = (),
    sysctls: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    security_context: Mapping[str, Any] | None = None,
    pod_security_context: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A manifest of a pod with one container, `main`, as a dict; change it as you like before you run it.

    `capabilities` are added and `drop` dropped; the security contexts hold more fields, in Kubernetes' spelling.

    >>> pod(capabilities=["NET_ADMIN"])["spec"]["containers"][0]["securityContext"]
    {'capabilities': {'add': ['NET_ADMIN']}}
    """
    granted = {key: list(value) for key, value in (("add", capabilities), ("drop", drop)) if value}
    own = {**({"capabilities": granted} if granted else {}), **(security_context or {})}
    whole = dict(pod_security_context or {})
    if sysctls:
        whole["sysctls"] = [{"name": key, "value": value} for key, value in sysctls.items()]
    container: dict[str, Any] = {"name": "main", "image": image, "command": list(command)}
    if env:
        container["env"] = [{"name": key, "value": value} for key, value in env.items()]
    if own:
        container["securityContext"] = own
    spec: dict[str, Any] = {"containers": [container]}
    if whole:
        spec["securityContext"] = whole
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def one_pod(source: Source | Pod, *, beside: Iterable[Source] = ()) -> Pod:
    """The first pod of a source. A file that many tests name is read once, as long as it stays the same."""
    if isinstance(source, Pod):
        return source
    if isinstance(source, Mapping) or beside or os.fspath(source).startswith(EXAMPLE):
        return load(source, beside=beside)[0]
    try:
        status = os.stat(source)
    except (OSError, ValueError):
        return load(source)[0]
    return _first_of_file(os.fspath(source), (status.st_ino, status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=64)
def _first_of_file(name: str, _stamp: tuple[int, int, int]) -> Pod:
    return load(name)[0]


def _shown(source: Source) -> str:
    return "<dict>" if isinstance(source, Mapping) else os.fspath(source)


def _open(source: Source) -> tuple[BinaryIO, str]:
    name = _shown(source)
    if isinstance(source, Mapping):
        return io.BytesIO(json.dumps(source).encode()), name
    if name.startswith(EXAMPLE):
        from ecirun.examples import example

        return io.BytesIO(example(name.removeprefix(EXAMPLE))), name
    try:
        return open(name, "rb"), name
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the name has a NUL"
        raise SpecUnreadable(f"Can't read {name}: {reason}", where=name, hint="give a file, example:NAME, or a dict") from None


def _learner(objects: Objects) -> Any:
    def learn(node: MapNode) -> None:
        from ecirun.spec.companion import read_companion

        companion = read_companion(node)
        if companion is None:
            return
        errors = [finding for finding in companion.findings if finding.severity == "error"]
        if errors:
            where = errors[0].mark
            raise SpecUnreadable(f"Can't use {companion.kind} {companion.name}: {errors[0].message}", where=str(where))
        objects[companion.kind, companion.namespace, companion.name] = dict(companion.data)

    return learn


def _learn_all(source: Source, objects: Objects) -> None:
    from ecirun.spec.read import stream_objects

    learn = _learner(objects)
    stream, shown = _open(source)
    with stream:
        for node in stream_objects(stream, shown):
            learn(node)
