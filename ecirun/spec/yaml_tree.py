"""YAML text → a tree of values that know their place.

The tree is built from libyaml's events rather than by PyYAML's composer: events bound the depth, the size of what aliases
unfold to, and they say which scalars are plain.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ecirun.errors import SpecUnreadable
from ecirun.spec.source import Mark
from ecirun.spec.yaml_scalar import Scalar, plain, tagged

MAX_BYTES = 3 * 1024 * 1024  # what the API server takes in one request (limit of its request body)
MAX_DEPTH = 200
MAX_NODES = 200_000  # with aliases unfolded


class Node:
    """One value and where it starts."""

    __slots__ = ("mark",)

    def __init__(self, mark: Mark) -> None:
        self.mark = mark


class ScalarNode(Node):
    """A scalar; `text` is what the file says, `value` what Kubernetes makes of it."""

    __slots__ = ("text", "value")

    def __init__(self, mark: Mark, text: str, value: Scalar) -> None:
        super().__init__(mark)
        self.text = text
        self.value = value


class ListNode(Node):
    """A sequence."""

    __slots__ = ("items",)

    def __init__(self, mark: Mark) -> None:
        super().__init__(mark)
        self.items: list[Node] = []


class MapNode(Node):
    """A mapping. `entries` holds each key once, the last one that was written; `repeated` the keys written before."""

    __slots__ = ("entries", "repeated")

    def __init__(self, mark: Mark) -> None:
        super().__init__(mark)
        self.entries: dict[str, tuple[Mark, Node]] = {}
        self.repeated: list[tuple[str, Mark]] = []

    def get(self, key: str) -> Node | None:
        """The value of `key`, or None."""
        entry = self.entries.get(key)
        return entry[1] if entry else None


def read_documents(data: bytes, file: str) -> list[Node]:
    """The documents of a YAML or JSON file, empty ones left out. Raises SpecUnreadable."""
    text = _text(data, file)
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return list(_Builder(file, yaml).documents(yaml.parse(text, Loader=loader)))
    except yaml.MarkedYAMLError as error:
        raise _broken(error, text, file) from None
    except yaml.YAMLError as error:
        raise SpecUnreadable(f"Can't read {file}: {_one_line(str(error))}", where=file) from None


def _text(data: bytes, file: str) -> str:
    if len(data) > MAX_BYTES:
        raise SpecUnreadable(
            f"Can't read {file}: it is larger than 3 MiB, the most that Kubernetes' API takes",
            where=file,
            hint="give only the pod",
        )
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SpecUnreadable(
            f"Can't read {file}:{line}: it is not text: byte {error.start + 1} is not {encoding[:6].upper().rstrip('-')}",
            where=f"{file}:{line}",
            hint="give a YAML or JSON file",
        ) from None
    if "\0" in text:
        raise SpecUnreadable(
            f"Can't read {file}: it is not text: byte {text.index(chr(0)) + 1} is NUL",
            where=file,
            hint="give a YAML or JSON file",
        )
    return text


class _Builder:
    """Builds trees from the events of one file."""

    def __init__(self, file: str, yaml: Any) -> None:
        self.file = file
        self.yaml = yaml
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.nodes = 0

    def documents(self, events: Iterator[Any]) -> Iterator[Node]:
        for event in events:
            if isinstance(event, self.yaml.DocumentStartEvent):
                self.anchors = {}
                node, _size = self._node(next(events), events, 0)
                if not (isinstance(node, ScalarNode) and node.value is None):
                    yield node

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> tuple[Node, int]:
        """The node that starts with `event`, and how many nodes it holds with aliases unfolded."""
        mark = Mark(self.file, event.start_mark.line + 1, event.start_mark.column + 1)
        if depth > MAX_DEPTH:
            raise self._refused(mark, f"it is nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, self.yaml.AliasEvent):
            return self._alias(event, mark)
        node: Node
        if isinstance(event, self.yaml.ScalarEvent):
            node, size = self._scalar(event, mark), 1
            self._count(1, mark)
        elif isinstance(event, self.yaml.SequenceStartEvent):
            node, size = self._list(ListNode(mark), events, depth)
        else:
            node, size = self._map(MapNode(mark), events, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = node, size
        return node, size

    def _alias(self, event: Any, mark: Mark) -> tuple[Node, int]:
        # An anchor is known when its node is whole, so a node that contains itself is met here too.
        if event.anchor not in self.anchors:
            raise self._refused(mark, f"alias *{event.anchor} has no anchor before it")
        node, size = self.anchors[event.anchor]
        self._count(size, mark)
        return node, size

    def _scalar(self, event: Any, mark: Mark) -> ScalarNode:
        if event.tag is not None and event.tag != "!":
            try:
                return ScalarNode(mark, event.value, tagged(event.value, event.tag))
            except ValueError as error:
                raise self._refused(mark, str(error)) from None
        return ScalarNode(mark, event.value, plain(event.value) if event.implicit[0] else event.value)

    def _list(self, node: ListNode, events: Iterator[Any], depth: int) -> tuple[Node, int]:
        size = 1
        self._count(1, node.mark)
        for event in events:
            if isinstance(event, self.yaml.SequenceEndEvent):
                break
            item, inside = self._node(event, events, depth + 1)
            node.items.append(item)
            size += inside
        return node, size

    def _map(self, node: MapNode, events: Iterator[Any], depth: int) -> tuple[Node, int]:
        size = 1
        self._count(1, node.mark)
        merged: list[Node] = []
        for event in events:
            if isinstance(event, self.yaml.MappingEndEvent):
                break
            key_node, key_size = self._node(event, events, depth + 1)
            value, value_size = self._node(next(events), events, depth + 1)
            size += key_size + value_size
            is_merge = isinstance(event, self.yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]
            if is_merge:
                merged.append(value)
                continue
            key = self._key(key_node)
            if key in node.entries:
                node.repeated.append((key, key_node.mark))
            node.entries[key] = key_node.mark, value
        for other in merged:
            self._merge(node, other)
        return node, size

    def _key(self, node: Node) -> str:
        if not isinstance(node, ScalarNode):
            raise self._refused(node.mark, "a key must be a string")
        if isinstance(node.value, str):
            return node.value
        from json import dumps

        return dumps(node.value)

    def _merge(self, node: MapNode, other: Node) -> None:
        """`<<`: what the map has itself wins, then earlier maps of a list over later ones."""
        if isinstance(other, ListNode):
            for item in other.items:
                self._merge(node, item)
        elif isinstance(other, MapNode):
            for key, entry in other.entries.items():
                node.entries.setdefault(key, entry)
        else:
            raise self._refused(other.mark, "map merge requires map or sequence of maps as the value")

    def _count(self, more: int, mark: Mark) -> None:
        self.nodes += more
        if self.nodes > MAX_NODES:
            raise self._refused(mark, f"it unfolds to more than {MAX_NODES} values; are its aliases meant to multiply?")

    def _refused(self, mark: Mark, why: str) -> SpecUnreadable:
        return SpecUnreadable(f"Can't read {mark}: {why}", where=str(mark))


def _broken(error: Any, text: str, file: str) -> SpecUnreadable:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return SpecUnreadable(f"Can't read {file}: it is not YAML: {_one_line(str(error.problem))}", where=file)
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    before = line[: mark.column + 1]
    hint = "indent with spaces: YAML does not allow tabs there" if "\t" in before else ""
    problem = error.problem + (f" {error.context}" if error.context else "")
    where = Mark(file, mark.line + 1, mark.column + 1)
    return SpecUnreadable(f"Can't read {where}: it is not YAML: {_one_line(problem)}", where=str(where), hint=hint)


def _one_line(text: str) -> str:
    return " ".join(text.split())
