"""YAML documents: what Kubernetes reads in them, and what is said of those that cannot be read."""

from __future__ import annotations

import pytest

from ecirun.errors import SpecUnreadable
from ecirun.spec.decode import plain_value
from ecirun.spec.yaml_tree import MapNode, read_documents


def values_of(text: str | bytes):
    data = text if isinstance(text, bytes) else text.encode()
    return [plain_value(node) for node in read_documents(data, "pod.yaml")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  p: 9\n", {"a": {"p": 1, "q": 2}, "b": {"p": 9, "q": 2}}),
        ("b:\n  p: 9\n  <<: {p: 1, q: 2}\n", {"b": {"p": 1, "q": 2}}),
        ("b:\n  <<: [{p: 1}, {p: 2, q: 3}]\n", {"b": {"p": 1, "q": 3}}),
        ("b: {<<: {a: 1}, <<: {a: 2, c: 1}}\n", {"b": {"a": 2, "c": 1}}),
        ("'<<': {a: 1}\n", {"<<": {"a": 1}}),
        ("!!merge <<: {a: 1}\n", {"a": 1}),
        (
            "1: a\n0x10: b\n1.5: c\ntrue: d\ny: e\n2001-01-01: f\n",
            {"1": "a", "16": "b", "1.5": "c", "true": "e", "2001-01-01": "f"},
        ),
        ("a: 1\na: 2\n", {"a": 2}),
        ("a: ! 5\nb: !!str 5\nc: '5'\nd: \"5\"\n", {"a": "5", "b": "5", "c": "5", "d": "5"}),
        ("a: |\n  x\n  y\nb: >-\n  x\n  y\n", {"a": "x\ny\n", "b": "x y"}),
        ("a: &x 1\nb: *x\n", {"a": 1, "b": 1}),
        ("%YAML 1.1\n---\na: 1\n", {"a": 1}),
        ('{"a": "\\u00e9\\n", "b": [1, 2.5, null, true]}', {"a": "é\n", "b": [1, 2.5, None, True]}),
        ('{\n\t"a": 1\n}', {"a": 1}),
        ("a:\r\n  b: 1\r\n", {"a": {"b": 1}}),
        (b"\xef\xbb\xbfa: 1\n", {"a": 1}),
        ("a: é\n".encode("utf-16"), {"a": "é"}),
        (b"\xfe\xff" + "a: 1\n".encode("utf-16-be"), {"a": 1}),
    ],
)
def test_a_document_is_read_as_kubernetes_reads_it(text, value):
    assert values_of(text) == [value]


def test_documents_without_a_value_are_left_out():
    assert values_of("---\n# nothing\n---\na: 1\n---\n---\nb: 2\n...\n") == [{"a": 1}, {"b": 2}]


def test_an_anchor_ends_with_its_document():
    with pytest.raises(SpecUnreadable) as refused:
        values_of("a: &x 1\n---\nb: *x\n")
    assert (refused.value.message, refused.value.hint) == (
        "Can't read pod.yaml:3:4: alias *x has no anchor before it",
        "write &x before the value that is meant, or put *x in quotes",
    )


@pytest.mark.parametrize(
    ("text", "repeated"),
    [
        ("a: 1\na: 2\n", [("a", 2, 1)]),
        ("a: 1\n<<: {a: 2}\n", [("a", 1, 1)]),
        ("<<: {a: 2}\na: 1\n", []),
        ("<<: {a: 2}\na: 1\na: 3\n", [("a", 3, 1)]),
        ("<<: {a: 1}\n<<: {a: 2}\n", []),
    ],
)
def test_a_key_that_is_written_and_lost_is_noted(text, repeated):
    (node,) = read_documents(text.encode(), "pod.yaml")
    assert isinstance(node, MapNode)
    assert [(key, at.mark.line, at.mark.column) for key, at in node.repeated] == repeated


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("a: b: c\n", ":1:5: it is not YAML: mapping values are not allowed in this context",
         'put a value that has ": " in it in quotes, or correct the indentation'),
        ("a:\n\tb: 1\n", ":2:1: it is not YAML: found character that cannot start any token while scanning for the next token",
         "indent with spaces: YAML does not allow tabs there"),
        ("a: @b\n", ":1:4: it is not YAML: found character that cannot start any token while scanning for the next token",
         "put a value that begins with @, ` or % in quotes"),
        ("a: 1\n b: 2\n", ":2:3: it is not YAML: mapping values are not allowed in this context",
         'put a value that has ": " in it in quotes, or correct the indentation'),
        ("a: [1\n", ":2:1: it is not YAML: did not find expected ',' or ']' while parsing a flow sequence",
         "close the bracket, or put a comma between its entries"),
        ('a: "x\n', ":2:1: it is not YAML: found unexpected end of stream while scanning a quoted scalar", "close the quotes"),
        ('a: "\\q"\n', ":1:5: it is not YAML: found unknown escape character while parsing a quoted scalar",
         "write \\\\ for a backslash, or use single quotes"),
        ("a: 1\n...\nb: 2\n", ":3:1: it is not YAML: did not find expected <document start>",
         "begin a further document with a line that says ---"),
        ("- a\nb: 1\n", ":2:1: it is not YAML: did not find expected '-' indicator while parsing a block collection",
         "correct the indentation: the dashes of one list stand in one column"),
        ("%YAML 1.2\n---\na: 1\n", ":1:1: Kubernetes reads YAML 1.1", "remove the line that begins with %YAML"),
        ("[a]: b\n", ":1:1: a key must be a string", "put the key in quotes"),
        ("a: {~: b}\n", ":1:5: a key must be a string", "put the key in quotes"),
        ("b: {<<: 3}\n", ":1:9: map merge requires map or sequence of maps as the value", "give << an alias of a mapping"),
        ("a: !!int x\n", ":1:4: cannot decode !!str `x` as a !!int", "remove the tag"),
        ("a: *x\n", ":1:4: alias *x has no anchor before it", "write &x before the value that is meant, or put *x in quotes"),
        ("a: &x [*x]\n", ":1:8: alias *x has no anchor before it",
         "write &x before the value that is meant, or put *x in quotes"),
        ("[" * 300, ":1:202: it is nested deeper than 200 levels", "close the brackets, or write it with fewer levels"),
    ],
)  # fmt: skip
def test_what_is_no_yaml_is_refused_with_its_place(text, message, hint):
    with pytest.raises(SpecUnreadable) as refused:
        values_of(text)
    assert (refused.value.message, refused.value.hint) == (f"Can't read pod.yaml{message}", hint)


def test_aliases_that_multiply_are_refused():
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefg", "bcdefgh", strict=True)
    )
    with pytest.raises(SpecUnreadable) as refused:
        values_of(bomb)
    assert (refused.value.message, refused.value.hint) == (
        "Can't read pod.yaml:6:12: it unfolds to more than 200000 values; are its aliases meant to multiply?",
        "write out the values that are needed",
    )
