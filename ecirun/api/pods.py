"""Where pods come from: files, text, dicts, and a few words in Python."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO

from ecirun.api.saying import say
from ecirun.api.words import choice
from ecirun.errors import PodRefused, SpecUnreadable
from ecirun.report.text import finding_text
from ecirun.spec import Reading, stream_pods
from ecirun.spec.finding import Finding
from ecirun.spec.findings import Validate

if TYPE_CHECKING:
    from ecirun.api.bench import Bench
    from ecirun.report.verdict import Verdict
    from ecirun.spec import pod as spec
    from ecirun.spec.yaml_tree import MapNode

EXAMPLE = "example:"
DICT = "<dict>"
Source = str | os.PathLike[str] | Mapping[str, Any]
Objects = dict[tuple[str, str, str], dict[str, bytes]]


class Pod:
    """A pod as it was read.

    `name`, `namespace` and `kind` (of the object that holds it: Pod, Deployment, …), `file` and `line` where it begins,
    `findings` of the Kubernetes API's own rules, `spec` the typed pod (None when there are too many mistakes in it for that),
    `objects` the ConfigMaps and Secrets that stand beside it, by kind, namespace and name.

    >>> pod = ecirun.load("example:sysctl")[0]
    >>> pod.kind, pod.name, pod.spec.containers[0].name
    ('Pod', 'sysctl-example', 'busybox')
    """

    def __init__(self, reading: Reading, objects: Objects) -> None:
        self.reading = reading
        self.objects = objects
        self.name = reading.name or (reading.pod.name if reading.pod else "")
        self.namespace = reading.pod.namespace if reading.pod else "default"
        self.kind = reading.kind
        self.file = reading.mark.file
        self.line = reading.mark.line
        self.findings: tuple[Finding, ...] = reading.findings
        self.spec: spec.Pod | None = reading.pod
        self._judged: tuple[Bench, tuple[Reading, Verdict]] | None = None

    def __repr__(self) -> str:
        return f"<ecirun.Pod {self.namespace}/{self.name} from {self.file}:{self.line}>"

    def beside(self, sources: Iterable[Source]) -> Pod:
        """The same pod with the ConfigMaps and Secrets of further sources. Raises SpecUnreadable or PodRefused for these.

        >>> config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"colour": "red"}}
        >>> ecirun.load("example:network")[0].beside([config]).objects
        {('ConfigMap', 'default', 'c'): {'colour': b'red'}}
        """
        objects = dict(self.objects)
        for source in sources:
            _learn_all(source, objects)
        return Pod(self.reading, objects)


def load(source: Source, *, beside: Iterable[Source] = (), validate: Validate = "strict") -> list[Pod]:
    """The pods of a file (or `example:NAME`), or of an object given as a dict, with its ConfigMaps and Secrets.

    `beside` are further files or dicts with ConfigMaps and Secrets; `validate` is what an unknown, misplaced or repeated field
    is: an error ("strict"), a warning ("warn") or nothing ("ignore"). Raises SpecUnreadable when there is no pod in it, and
    PodRefused for a ConfigMap or Secret that the API would not take; what is wrong with a pod is in its findings.

    >>> [pod.name for pod in ecirun.load("example:sysctl")]
    ['sysctl-example']
    """
    __tracebackhide__ = True
    with _open(source) as stream:
        pods = _read(stream, _shown(source), validate)
    return [pod.beside(beside) for pod in pods] if beside else pods


def loads(text: str | bytes, *, name: str = "<text>", validate: Validate = "strict") -> list[Pod]:
    """The pods of YAML or JSON text; `name` is what findings call it. The rest is as for `load`.

    >>> ecirun.loads("{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: c, image: busybox}]}}")
    [<ecirun.Pod default/a from <text>:1>]
    """
    __tracebackhide__ = True
    return _read(io.BytesIO(text.encode() if isinstance(text, str) else text), name, validate)


def _read(stream: BinaryIO, name: str, validate: Validate) -> list[Pod]:
    choice("validate", validate, ("strict", "warn", "ignore"))
    objects: Objects = {}
    readings = list(stream_pods(stream, name, validate=validate, on_other=_learner(objects)))
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

    >>> ecirun.pod(capabilities=["NET_ADMIN"])["spec"]["containers"][0]["securityContext"]
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
    __tracebackhide__ = True
    pod = source if isinstance(source, Pod) else _first(source)
    return pod.beside(beside) if beside else pod


def _first(source: Source) -> Pod:
    if isinstance(source, Mapping):
        return _first_of_dict(_as_json(source))
    if _shown(source).startswith(EXAMPLE):
        return _first_of(load(source))
    try:
        status = os.stat(source)
    except (OSError, ValueError):
        return _first_of(load(source))
    return _first_of_file(os.fspath(source), (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=64)
def _first_of_file(name: str, _stamp: tuple[int, ...]) -> Pod:
    return _first_of(load(name))


@lru_cache(maxsize=64)
def _first_of_dict(text: bytes) -> Pod:
    return _first_of(_read(io.BytesIO(text), DICT, "strict"))


def _first_of(pods: list[Pod]) -> Pod:
    first, *others = pods
    if others:
        names = ", ".join(f'"{other.name}"' for other in others)
        say(f'of {len(pods)} pods in {first.file} only the first, "{first.name}", is taken; not: {names}')
    return first


def _shown(source: Source) -> str:
    if isinstance(source, Mapping):
        return DICT
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(f"a pod is a file, example:NAME, a dict or one of what ecirun.load gives, not {type(source).__name__}")
    return os.fspath(source)


def _open(source: Source) -> BinaryIO:
    name = _shown(source)
    if isinstance(source, Mapping):
        return io.BytesIO(_as_json(source))
    if name.startswith(EXAMPLE):
        from ecirun.examples import example

        return io.BytesIO(example(name.removeprefix(EXAMPLE)))
    try:
        return open(name, "rb")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the name has a NUL"
        hint = "give text to ecirun.loads" if "\n" in name else "give a file, example:NAME, or a dict"
        raise SpecUnreadable(f"Can't read {name}: {reason}", where=name, hint=hint) from None


def _as_json(source: Mapping[str, Any]) -> bytes:
    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return dict(value)
        raise TypeError(f"it has a {type(value).__name__}")

    try:
        return json.dumps(source, default=plain, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise SpecUnreadable(
            f"Can't read the dict: {error}", where=DICT, hint="use dicts, lists, str, numbers, bool and None"
        ) from None


def _learner(objects: Objects) -> Callable[[MapNode], None]:
    def learn(node: MapNode) -> None:
        from ecirun.spec.companion import read_companion

        companion = read_companion(node)
        if companion is None:
            return
        texts = [finding_text(finding) for finding in companion.findings]
        if any(finding.severity == "error" for finding in companion.findings):
            raise PodRefused(
                f"Can't use {companion.kind} {companion.name}: it is refused by the Kubernetes API's own rules\n"
                + "\n".join(texts),
                hint="correct what is said above; nothing was started",
                findings=companion.findings,
            )
        for text in texts:
            say(text)
        objects[companion.kind, companion.namespace, companion.name] = dict(companion.data)

    return learn


def _learn_all(source: Source, objects: Objects) -> None:
    from ecirun.spec.read import stream_objects

    learn = _learner(objects)
    with _open(source) as stream:
        for node in stream_objects(stream, _shown(source)):
            learn(node)
