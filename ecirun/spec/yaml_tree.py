"""YAML text → trees of values that know their place, one document after the other.

The trees are built from libyaml's events rather than by PyYAML's composer: events bound the depth, the size of what aliases
unfold to, and they say which scalars are plain. A file is read as it is parsed, so a stream of any length takes the memory of
its largest document.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

from ecirun.errors import SpecUnreadable
from ecirun.spec.source import Mark
from ecirun.spec.text_stream import TextStream
from ecirun.spec.yaml_scalar import Scalar, key_of_float, plain, tagged

MAX_BYTES = 3 * 1024 * 1024  # what the API server takes in one request (limit of its request body)
MAX_DOCUMENT = 32 * 1024 * 1024  # a List holds many objects, each of which is a request of its own
MAX_DEPTH = 200
MAX_NODES = 1_000_000  # of one document
MAX_UNFOLDED = 200_000  # of these, by aliases

# What helps, by what libyaml says.
HINTS = (
    ("mapping values are not allowed", 'put a value that has ": " in it in quotes, or correct the indentation'),
    ("did not find expected key", "correct the indentation: the keys of one mapping begin in one column"),
    ("did not find expected '-' indicator", "correct the indentation: the dashes of one list stand in one column"),
    ("could not find expected ':'", 'end the key with ": ", or put a text of several lines in quotes'),
    ("did not find expected ',' or", "close the bracket, or put a comma between its entries"),
    ("did not find expected node content", "give a value, or close the bracket"),
    ("found unexpected end of stream", "close the quotes"),
    ("cannot start any token", "put a value that begins with @, ` or % in quotes"),
    ("unknown escape character", "write \\\\ for a backslash, or use single quotes"),
    ("document start", "begin a further document with a line that says ---"),
)

MERGE_TAG = "tag:yaml.org,2002:merge"


class Node:
    """One value and where it starts."""

    __slots__ = ("column", "file", "line")

    def __init__(self, file: str, line: int, column: int) -> None:
        self.file = file
        self.line = line
        self.column = column

    @property
    def mark(self) -> Mark:
        """The place. Made when it is asked for: few values are ever spoken of."""
        return Mark(self.file, self.line, self.column)


class ScalarNode(Node):
    """A scalar; `text` is what the file says, `value` what Kubernetes makes of it."""

    __slots__ = ("text", "value")

    def __init__(self, file: str, line: int, column: int, text: str, value: Scalar) -> None:
        self.file = file
        self.line = line
        self.column = column
        self.text = text
        self.value = value


class ListNode(Node):
    """A sequence."""

    __slots__ = ("items",)

    def __init__(self, file: str, line: int, column: int) -> None:
        super().__init__(file, line, column)
        self.items: list[Node] = []


class MapNode(Node):
    """A mapping. `entries` holds each key once, the last one that was written; `repeated` the keys written before."""

    __slots__ = ("entries", "repeated")

    def __init__(self, file: str, line: int, column: int) -> None:
        super().__init__(file, line, column)
        self.entries: dict[str, tuple[Node, Node]] = {}
        self.repeated: list[tuple[str, Node]] = []

    def get(self, key: str) -> Node | None:
        """The value of `key`, or None."""
        entry = self.entries.get(key)
        return entry[1] if entry else None


def read_documents(data: bytes, file: str) -> list[Node]:
    """The documents of a YAML or JSON file, empty ones left out. Raises SpecUnreadable."""
    return list(stream_documents(io.BytesIO(data), file))


def stream_documents(stream: BinaryIO, file: str) -> Iterator[Node]:
    """The documents of an open file, each as soon as it is read. Raises SpecUnreadable where it cannot be read on."""
    import yaml

    text = TextStream(stream, file)
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        builder = _Builder(file, yaml, loader(text), text)
        while True:
            try:
                yield from builder.documents()
                return
            except yaml.MarkedYAMLError as error:
                # An object of JSON needs nothing between it and the one before.
                mark = error.problem_mark
                if not (builder.between and mark and text.rewind(mark.index, mark.line, mark.column)):
                    raise
                builder = _Builder(file, yaml, loader(text), text)
    except yaml.MarkedYAMLError as error:
        raise text.failure or _broken(error, text, file) from None
    except yaml.YAMLError as error:
        raise text.failure or SpecUnreadable(f"Can't read {file}: {_one_line(str(error))}", where=file) from None


class _Builder:
    """Builds trees from the events of one file."""

    def __init__(self, file: str, yaml: Any, loader: Any, text: TextStream) -> None:
        self.file = file
        self.get_event = loader.get_event
        self.text = text
        self.scalar_event = yaml.ScalarEvent
        self.map_start, self.map_end = yaml.MappingStartEvent, yaml.MappingEndEvent
        self.list_start, self.list_end = yaml.SequenceStartEvent, yaml.SequenceEndEvent
        self.document_start, self.stream_end = yaml.DocumentStartEvent, yaml.StreamEndEvent
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.nodes = 0  # of the document so far
        self.unfolded = 0  # of these, by aliases
        self.first_line = text.first_line + 1
        self.between = True  # whether the next event is of no document

    def documents(self) -> Iterator[Node]:
        at = 0
        while True:
            self.text.allow(MAX_DOCUMENT, at)
            self.between = True
            event = self.get_event()
            self.between = False
            kind = type(event)
            if kind is self.stream_end:
                return
            if kind is not self.document_start:
                continue
            if event.version is not None and event.version != (1, 1):
                mark = Mark(self.file, event.start_mark.line + self.first_line, event.start_mark.column + 1)
                raise self._refused(mark, "Kubernetes reads YAML 1.1", hint="remove the line that begins with %YAML")
            self.anchors, self.nodes, self.unfolded = {}, 0, 0
            first = self.get_event()
            node = self._node(first, 0)
            end = self.get_event()
            at = end.end_mark.index
            if at - first.start_mark.index > MAX_BYTES and not _is_list(node):
                raise self.text.too_large()
            if not (isinstance(node, ScalarNode) and node.value is None):
                yield node

    def _node(self, event: Any, depth: int) -> Node:
        """The node that starts with `event`."""
        kind = type(event)
        start = event.start_mark
        line, column = start.line + self.first_line, start.column + 1
        before = self.nodes
        node: Node
        if kind is self.scalar_event:
            self.nodes += 1
            if event.tag is None and event.anchor is None:
                text = event.value
                return ScalarNode(self.file, line, column, text, plain(text) if event.implicit[0] else text)
            node = self._scalar(event, line, column)
        elif depth > MAX_DEPTH:
            why = f"it is nested deeper than {MAX_DEPTH} levels"
            raise self._refused(Mark(self.file, line, column), why, hint="close the brackets, or write it with fewer levels")
        elif kind is self.map_start:
            node = self._map(MapNode(self.file, line, column), depth)
        elif kind is self.list_start:
            node = self._list(ListNode(self.file, line, column), depth)
        else:
            return self._alias(event, Mark(self.file, line, column))
        if event.anchor is not None:
            self.anchors[event.anchor] = node, self.nodes - before
        return node

    def _alias(self, event: Any, mark: Mark) -> Node:
        # An anchor is known when its node is whole, so a node that contains itself is met here too.
        if event.anchor not in self.anchors:
            hint = f"write &{event.anchor} before the value that is meant, or put *{event.anchor} in quotes"
            raise self._refused(mark, f"alias *{event.anchor} has no anchor before it", hint=hint)
        node, size = self.anchors[event.anchor]
        self.nodes += size
        self.unfolded += size
        if self.unfolded > MAX_UNFOLDED:
            why = f"it unfolds to more than {MAX_UNFOLDED} values; are its aliases meant to multiply?"
            raise self._refused(mark, why, hint="write out the values that are needed")
        return node

    def _scalar(self, event: Any, line: int, column: int) -> ScalarNode:
        text = event.value
        if event.tag is not None:
            try:
                return ScalarNode(self.file, line, column, text, tagged(text, event.tag))
            except ValueError as error:
                raise self._refused(Mark(self.file, line, column), str(error), hint="remove the tag") from None
        return ScalarNode(self.file, line, column, text, plain(text) if event.implicit[0] else text)

    def _list(self, node: ListNode, depth: int) -> Node:
        self._count(node)
        get_event, list_end = self.get_event, self.list_end
        event = get_event()
        while type(event) is not list_end:
            node.items.append(self._node(event, depth + 1))
            event = get_event()
        return node

    def _map(self, node: MapNode, depth: int) -> Node:
        self._count(node)
        get_event, map_end = self.get_event, self.map_end
        entries = node.entries
        merged: set[str] = set()  # keys that a merge has set: the map's own may replace them
        event = get_event()
        while type(event) is not map_end:
            key_node = self._node(event, depth + 1)
            value = self._node(get_event(), depth + 1)
            key = key_node.value if isinstance(key_node, ScalarNode) else None
            if key == "<<" and type(event) is self.scalar_event and (event.implicit[0] or event.tag == MERGE_TAG):
                self._merge(node, value, merged)
            else:
                if type(key) is not str:
                    key = self._key(key_node)
                if key in merged:
                    merged.remove(key)
                elif key in entries:
                    node.repeated.append((key, key_node))
                entries[key] = key_node, value
            event = get_event()
        return node

    def _key(self, node: Node) -> str:
        """A key that is no string, as sigs.k8s.io/yaml makes it one."""
        value = node.value if isinstance(node, ScalarNode) else None
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int) and value < 2**63:
            return str(value)
        if isinstance(value, float):
            return key_of_float(value)
        raise self._refused(node.mark, "a key must be a string", hint="put the key in quotes")

    def _merge(self, node: MapNode, other: Node, merged: set[str]) -> None:
        """`<<`: what stands before it in the map loses, what stands behind it wins; of a list, earlier maps win."""
        if isinstance(other, ListNode):
            for item in reversed(other.items):
                self._merge(node, item, merged)
        elif isinstance(other, MapNode):
            for key, entry in other.entries.items():
                if key in node.entries and key not in merged:
                    node.repeated.append((key, node.entries[key][0]))
                node.entries[key] = entry
                merged.add(key)
        else:
            why = "map merge requires map or sequence of maps as the value"
            raise self._refused(other.mark, why, hint="give << an alias of a mapping")

    def _count(self, node: Node) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self._refused(node.mark, f"a document of it holds more than {MAX_NODES} values")

    def _refused(self, mark: Mark, why: str, hint: str = "") -> SpecUnreadable:
        return SpecUnreadable(f"Can't read {mark}: {why}", where=str(mark), hint=hint)


def _is_list(node: Node) -> bool:
    return isinstance(node, MapNode) and isinstance(node.get("items"), ListNode)


def _broken(error: Any, text: TextStream, file: str) -> SpecUnreadable:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return SpecUnreadable(f"Can't read {file}: it is not YAML: {_one_line(str(error.problem))}", where=file)
    before = text.line(mark.line)[: mark.column + 1]
    problem = error.problem + (f" {error.context}" if error.context else "")
    if "\t" in before:
        hint = "indent with spaces: YAML does not allow tabs there"
    else:
        hint = next((hint for part, hint in HINTS if part in problem), "correct what stands there or just before it")
    where = Mark(file, text.first_line + mark.line + 1, mark.column + 1)
    return SpecUnreadable(f"Can't read {where}: it is not YAML: {_one_line(problem)}", where=str(where), hint=hint)


def _one_line(text: str) -> str:
    return " ".join(text.split())
