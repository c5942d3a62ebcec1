"""JSON, which kubectl reads as JSON: escapes that YAML has not, and objects with nothing between them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecirun.errors import SpecUnreadable
from ecirun.spec import read_pods, text_stream

TEXT = st.text(st.one_of(st.sampled_from('\\u/"dD8{\n\t\U0001f600é\u2028'), st.characters(blacklist_categories=["Cs"])))
PARTS = st.sampled_from([1, 2, 3, 7, 13, 1 << 16])


@pytest.fixture(autouse=True)
def whole_parts():
    yield
    text_stream.PART = 1 << 16


def pod(*args: str, **more: object) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "test"},
        "spec": {"containers": [{"name": "main", "image": "busybox", "args": args}], **more},
    }


def args_of(text: str) -> list[tuple[str, ...]]:
    readings = read_pods(text.encode(), "pods.json")
    assert [finding.message for reading in readings for finding in reading.findings] == []
    return [reading.pod.containers[0].args for reading in readings]


@given(args=st.lists(TEXT, min_size=1, max_size=3), indent=st.sampled_from([None, 0, 2, "\t"]), part=PARTS)
@settings(max_examples=100, deadline=None)
def test_any_text_in_json_is_read_as_it_was_written(args, indent, part):
    text_stream.PART = part
    assert args_of(json.dumps(pod(*args), indent=indent)) == [tuple(args)]


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (r"\ud83d\ude00", "\U0001f600"),
        (r"\uD83D\uDE00", "\U0001f600"),
        (r"\\\ud83d\ude00", "\\\U0001f600"),
        (r"\\ud83d\\ude00", r"\ud83d\ude00"),
        (r"\ud83d", "\ufffd"),
        (r"\ude00\ud83d", "\ufffd\ufffd"),
        (r"\ud83d\u0041", "\ufffdA"),
        (r"\/", "/"),
    ],
)
@pytest.mark.parametrize("part", [1, 1 << 16])
def test_halves_of_a_character(escaped, text, part):
    text_stream.PART = part
    assert args_of(json.dumps(pod("HERE")).replace("HERE", escaped)) == [(text,)]


def test_in_yaml_they_are_what_yaml_says():
    text = (
        r"{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: a, args: ['\ud83d\ude00']}]}}"
    )
    assert args_of(f"--- {text}") == [(r"\ud83d\ude00",)]


@given(
    args=st.lists(TEXT, min_size=2, max_size=4),
    between=st.sampled_from(["", " ", "\n", "\r\n", "\n\n\n  ", "\n---\n"]),
    indent=st.sampled_from([None, 0, 2]),
    part=PARTS,
)
@settings(max_examples=100, deadline=None)
def test_objects_may_follow_one_another_and_keep_their_places(args, between, indent, part):
    text_stream.PART = part
    text, places = "", []
    for arg in args:
        one = json.dumps(pod(arg, wrong=1), indent=indent)
        at = text + one[: one.index('"wrong"')]
        places.append((at.count("\n") + 1, len(at) - at.rfind("\n")))
        text += one + between
    readings = read_pods(text.encode(), "pods.json")
    found = [(finding.mark.line, finding.mark.column) for reading in readings for finding in reading.findings]
    if indent is None and max(map(max, filter(None, args)), default="") > "\uffff":
        # A character of two halves is shorter in YAML, so what stands behind it on its line moves to the left.
        found, places = [line for line, _column in found], [line for line, _column in places]
    assert found == places


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("{}\n}", "2:1", "did not find expected <document start>"),
        ("{}\nx: 1", "2:1", "did not find expected <document start>"),
        ("{}\n[]", "2:1", "did not find expected <document start>"),
        ("{}\n\n{\n]", "4:1", "did not find expected node content while parsing a flow node"),
    ],
)
def test_what_follows_must_be_an_object(text, place, why):
    with pytest.raises(SpecUnreadable) as refused:
        read_pods(text.encode(), "pods.json")
    assert refused.value.message == f"Can't read pods.json:{place}: it is not YAML: {why}"


def test_bytes_that_are_no_text_are_counted_from_the_beginning():
    with pytest.raises(SpecUnreadable) as refused:
        read_pods(b'{}\n{"a":\n "' + b"\xff", "pods.json")
    assert refused.value.message == "Can't read pods.json:3: it is not text: byte 12 is not UTF-8"


def test_the_pure_python_loader_reads_them_too(monkeypatch):
    import yaml

    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert args_of((json.dumps(pod("a\U0001f600")) + "\n") * 2) == [("a\U0001f600",)] * 2
