"""A YAML tree → plain values of the types that the API has, with a finding for everything that does not fit.

What does not fit is left out of the result, so whoever reads on meets right types only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecirun.spec.field_error import invalid_value, quoted
from ecirun.spec.findings import Findings
from ecirun.spec.schema import Fields, belongs_at, nearest, types
from ecirun.spec.yaml_tree import ListNode, MapNode, Node, ScalarNode

RANGES = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}


class _Nothing:
    """The result for a value that does not fit."""


NOTHING = _Nothing()


class Decoder:
    """Decodes one object. `pod` is the path of its pod spec, for hints about where a field belongs.

    `table` has the types of the object where they are not those of the API's pods and workloads.
    """

    def __init__(self, findings: Findings, pod: str, table: Mapping[str, Fields] | None = None) -> None:
        self.findings = findings
        self.marks = findings.marks
        self.types = types() if table is None else table
        self.pod = pod

    def object(self, node: Node, type_name: str, path: str) -> dict[str, Any]:
        """The object at `path`; empty when the node is no mapping."""
        value = self._value(node, type_name, path, "")
        return value if isinstance(value, dict) else {}

    def _value(self, node: Node, type_name: str, path: str, holder: str) -> Any:
        self.marks[path] = node.mark
        if type(node) is ScalarNode:
            value = node.value
            # Three of four values are strings that may be strings, or nothing.
            if value is None or (type_name == "string" and type(value) is str):
                return value
        if type_name in self.types:
            return self._object(node, type_name, path, holder)
        if type_name.startswith("[]"):
            return self._list(node, type_name, path, holder)
        if type_name.startswith("map:"):
            return self._map(node, type_name, path, holder)
        if type_name == "any":
            return plain_value(node)
        return self._scalar(node, type_name, path, holder)

    def _object(self, node: Node, type_name: str, path: str, holder: str) -> Any:
        if not isinstance(node, MapNode):
            return self._wrong(node, type_name, path, holder)
        if node.repeated:
            self._say_repeated(node, path)
        fields = self.types[type_name]
        before = f"{path}." if path else ""
        result = {}
        for key, (key_node, child) in node.entries.items():
            child_path = before + key
            if key not in fields:
                self.marks[child_path] = key_node.mark
                self._say_unknown(type_name, key, child_path, path)
                continue
            value = self._value(child, fields[key], child_path, type_name)
            if value is None or value is NOTHING:
                continue
            result[key] = value
        return result

    def _say_repeated(self, node: MapNode, path: str) -> None:
        for key, key_node in node.repeated:
            child_path = f"{path}.{key}" if path else key
            self.findings.add_lenient(
                "duplicate-field",
                child_path,
                key,
                f'key "{key}" already set in map',
                hint="keep one of them",
                mark=key_node.mark,
            )

    def _say_unknown(self, type_name: str, key: str, path: str, parent: str) -> None:
        mark = self.findings.marks[path]
        container = self._container(parent)
        here = f"{parent}." if parent else ""
        place = belongs_at(type_name, key, self.pod, container, here)
        if place:
            scope = "the whole pod" if place.startswith((f"{self.pod}.securityContext.", "metadata.")) else ""
            scope = scope or ("a container" if place.startswith(container) else "the whole pod")
            self.findings.add_lenient(
                "misplaced-field",
                path,
                key,
                f'unknown field "{key}" here',
                hint=f"move it to {place}: it is set for {scope}",
                mark=mark,
            )
            return
        near = nearest(key, self.types[type_name])
        hint = f"did you mean {near}?" if near else "remove it; see `kubectl explain pod` for the fields that there are"
        self.findings.add_lenient("unknown-field", path, key, f'unknown field "{key}"', hint=hint, mark=mark)

    def _container(self, path: str) -> str:
        """The path of the container that `path` is in, or one that stands for any container."""
        for family in ("containers[", "initContainers[", "ephemeralContainers["):
            start = path.find(f"{self.pod}.{family}")
            if start == 0:
                return path[: path.index("]") + 1]
        return f"{self.pod}.containers[*]"

    def _list(self, node: Node, type_name: str, path: str, holder: str) -> Any:
        if not isinstance(node, ListNode):
            return self._wrong(node, type_name, path, holder)
        inner = type_name[2:]
        values = []
        for index, child in enumerate(node.items):
            value = self._value(child, inner, f"{path}[{index}]", holder)
            # A broken entry keeps its place, so that the paths of those behind it stay right.
            values.append(_zero(inner) if value is None or value is NOTHING else value)
        return values

    def _map(self, node: Node, type_name: str, path: str, holder: str) -> Any:
        if not isinstance(node, MapNode):
            return self._wrong(node, type_name, path, holder)
        if node.repeated:
            self._say_repeated(node, path)
        inner = type_name[4:]
        values = {}
        for key, (_key_node, child) in node.entries.items():
            value = self._value(child, inner, f"{path}[{key}]", holder)
            if value is not NOTHING:
                values[key] = _zero(inner) if value is None else value
        return values

    def _scalar(self, node: Node, type_name: str, path: str, holder: str) -> Any:
        value = node.value if isinstance(node, ScalarNode) else None
        fits: bool
        if type_name == "string":
            fits = isinstance(value, str)
        elif type_name == "bool":
            fits = isinstance(value, bool)
        elif type_name == "quantity":
            return self._quantity(node, path, holder)
        elif type_name == "bytes":
            return self._bytes(node, path, holder)
        else:
            if isinstance(value, float) and value.is_integer():
                value = int(value)
            low, high = RANGES.get(type_name, RANGES["int32"])
            fits = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
            fits = fits or (type_name == "intOrString" and isinstance(value, str))
        return value if fits else self._wrong(node, type_name, path, holder)

    def _quantity(self, node: Node, path: str, holder: str) -> Any:
        value = node.value if isinstance(node, ScalarNode) else None
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            return self._wrong(node, "quantity", path, holder)
        # Few pods have quantities.
        from ecirun.spec.quantity import BadQuantity, parse_quantity

        text = value.strip(" ") if isinstance(value, str) else quoted(value)
        try:
            parse_quantity(text)
        except BadQuantity as error:
            self.findings.broken.add(path)
            self.findings.add(
                "bad-quantity", path, value, invalid_value(value, str(error)), hint="write it as in 250m or 128Mi"
            )
            return NOTHING
        return text

    def _bytes(self, node: Node, path: str, holder: str) -> Any:
        value = node.value if isinstance(node, ScalarNode) else None
        if not isinstance(value, str):
            return self._wrong(node, "bytes", path, holder)
        from ecirun.spec.base64_text import BadBase64, decoded

        try:
            return decoded(value)
        except BadBase64 as error:
            self.findings.broken.add(path)
            self.findings.add(
                "invalid-value",
                path,
                "",
                f"Invalid value: <contents not shown>: {error}",
                hint="encode the value with base64; plain text belongs in stringData of a Secret, or in data of a ConfigMap",
            )
            return NOTHING

    def _wrong(self, node: Node, type_name: str, path: str, holder: str) -> _Nothing:
        self.findings.broken.add(path)
        value = plain_value(node)
        dotted = _without_indices(path)
        kind = _json_kind(node, type_name)
        what = f"json: cannot unmarshal {kind} into Go struct field {holder}.{dotted} of type {_go_type(type_name)}"
        self.findings.add("wrong-type", path, value, invalid_value(value, what), hint=_type_hint(node, type_name))
        return NOTHING


def plain_value(node: Node) -> Any:
    """A tree as plain Python values."""
    if isinstance(node, ListNode):
        return [plain_value(item) for item in node.items]
    if isinstance(node, MapNode):
        return {key: plain_value(child) for key, (_key_node, child) in node.entries.items()}
    assert isinstance(node, ScalarNode)
    return node.value


def _zero(type_name: str) -> Any:
    if type_name.startswith("[]"):
        return []
    if type_name.startswith("map:") or type_name in types():
        return {}
    return {"string": "", "quantity": "0", "bool": False, "bytes": b""}.get(type_name, 0)


def _json_kind(node: Node, wanted: str) -> str:
    if isinstance(node, ListNode):
        return "array"
    if isinstance(node, MapNode):
        return "object"
    assert isinstance(node, ScalarNode)
    if isinstance(node.value, bool):
        return "bool"
    if isinstance(node.value, str):
        return "string"
    # encoding/json names a number that does not fit a number.
    return f"number {node.text}" if wanted in RANGES else "number"


def _go_type(type_name: str) -> str:
    if type_name.startswith("[]"):
        return "[]" + _go_type(type_name[2:])
    if type_name.startswith("map:"):
        return "map[string]" + _go_type(type_name[4:])
    if type_name == "ObjectMeta":
        return "v1.ObjectMeta"
    if type_name in types():
        return f"v1.{type_name}"
    return {"intOrString": "int32", "quantity": "resource.Quantity", "bytes": "[]uint8"}.get(type_name, type_name)


# How the fields that are most often written wrong look when they are right.
EXAMPLES = {
    "[]string": 'write it as a list, such as ["sh", "-c", "ls"]',
    "[]Container": "write it as a list: each container begins with a dash",
    "[]ContainerPort": "write it as a list, such as [{containerPort: 80}]",
    "ContainerPort": "write it as {containerPort: 80}",
    "[]EnvVar": "write it as a list, such as [{name: LANG, value: C}]",
    "EnvVar": "write it as {name: LANG, value: C}",
    "[]Sysctl": 'write it as a list, such as [{name: net.core.somaxconn, value: "1024"}]',
    "Sysctl": 'write it as {name: net.core.somaxconn, value: "1024"}',
    "[]Volume": "write it as a list, such as [{name: data, emptyDir: {}}]",
    "[]VolumeMount": "write it as a list, such as [{name: data, mountPath: /data}]",
    "Capabilities": "write it as {add: [NET_ADMIN]}",
}


def _type_hint(node: Node, type_name: str) -> str:
    if type_name in EXAMPLES:
        return EXAMPLES[type_name]
    if type_name.startswith("[]"):
        return "write it as a list: each entry on its own line after a dash"
    if type_name.startswith("map:") or type_name in types():
        return "write it as a mapping: key: value on lines of its own, indented"
    if isinstance(node, (ListNode, MapNode)):
        return "give one value"
    assert isinstance(node, ScalarNode)
    if type_name in ("string", "bytes"):
        return f'put it in quotes: "{node.text}"'
    if type_name == "bool":
        return "write true or false, without quotes"
    if isinstance(node.value, str):
        return "write a whole number, without quotes"
    if isinstance(node.value, bool) or type_name not in RANGES or isinstance(node.value, float):
        return "write a whole number"
    low, high = RANGES[type_name]
    return f"write a number between {low} and {high}"


def _without_indices(path: str) -> str:
    out, depth = [], 0
    for character in path:
        depth += character == "["
        if not depth:
            out.append(character)
        depth -= character == "]"
    return "".join(out)
