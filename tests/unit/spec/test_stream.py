"""Reading a file document by document."""

from __future__ import annotations

import io
from typing import Any

import pytest

from ecirun.errors import NoPod, SpecUnreadable
from ecirun.spec import read_pods, stream_pods
from ecirun.spec.text_stream import PART

POD = "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{0}}}\nspec:\n  containers: [{{name: c, image: busybox}}]\n"


def stream(*documents: str) -> bytes:
    return "---\n".join(documents).encode()


class Reader(io.RawIOBase):
    """Gives a few documents, then fails when it is asked for more than were wanted."""

    def __init__(self, data: bytes, most: int) -> None:
        self.data = io.BytesIO(data)
        self.most = most

    def read(self, size: int = -1) -> bytes:
        self.most -= size
        assert self.most >= 0, "read ahead"
        return self.data.read(size)


def test_a_pod_is_there_before_the_rest_of_the_stream_is_read() -> None:
    data = stream(*(POD.format(number) for number in range(5000)))
    assert len(data) > 4 * PART
    pods = stream_pods(Reader(data, 2 * PART), "pods.yaml")  # type: ignore[arg-type]
    assert next(pods).name == "p0"


def test_what_stands_before_a_broken_document_is_read() -> None:
    pods = stream_pods(io.BytesIO(stream(POD.format(1), "a: [")), "pods.yaml")
    assert next(pods).name == "p1"
    with pytest.raises(SpecUnreadable) as caught:
        next(pods)
    assert caught.value.message.startswith("Can't read pods.yaml:8:1: it is not YAML: ")


def test_lines_are_counted_over_the_whole_stream() -> None:
    documents = [POD.format(number) for number in range(2000)]
    readings = read_pods(stream(*documents), "pods.yaml")
    assert [reading.mark.line for reading in readings[-2:]] == [1998 * 6 + 1, 1999 * 6 + 1]


def test_a_tab_far_down_is_pointed_at() -> None:
    data = stream(*(POD.format(number) for number in range(2000)), "kind: Pod\n\tspec: x\n")
    with pytest.raises(SpecUnreadable) as caught:
        read_pods(data, "pods.yaml")
    assert caught.value.where == "pods.yaml:12002:1"
    assert caught.value.hint == "indent with spaces: YAML does not allow tabs there"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a: b\nc: \xff\n", "Can't read a.yaml:2: it is not text: byte 9 is not UTF-8"),
        (b"#" * PART + b"\n\nx\xc3", f"Can't read a.yaml:3: it is not text: byte {PART + 4} is not UTF-8"),
        (b"a: b\0c", "Can't read a.yaml: it is not text: byte 5 is NUL"),
        (b"a: " + b"x" * (3 << 20), "Can't read a.yaml: it is larger than 3 MiB, the most that Kubernetes' API takes"),
        (b"a: " + b"x" * (33 << 20), "Can't read a.yaml: it is larger than 3 MiB, the most that Kubernetes' API takes"),
    ],
)
def test_what_is_no_text_or_too_much_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(SpecUnreadable) as caught:
        read_pods(data, "a.yaml")
    assert caught.value.message == message


def test_characters_on_the_edge_of_a_part_stay_whole() -> None:
    name = "ü" * PART
    data = stream(f"# {name}\n" + POD.format(1), POD.format(2))
    assert [reading.name for reading in read_pods(data, "pods.yaml")] == ["p1", "p2"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_mark_at_the_beginning_says_the_encoding(encoding: str) -> None:
    assert [reading.name for reading in read_pods(POD.format(1).encode(encoding), "pods.yaml")] == ["p1"]


def test_a_list_may_be_larger_than_what_the_api_takes_in_one_request() -> None:
    items = "".join(
        f"- apiVersion: v1\n  kind: Pod\n  metadata: {{name: p{number}}}\n"
        "  spec: {containers: [{name: c, image: busybox}]}\n" + "  # " + "x" * 2000 + "\n"
        for number in range(1600)
    )
    data = f"apiVersion: v1\nitems:\n{items}kind: List\n".encode()
    assert len(data) > 3 << 20
    assert len(read_pods(data, "list.yaml")) == 1600


def test_aliases_that_multiply_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]
    with pytest.raises(SpecUnreadable) as caught:
        read_pods("\n".join(lines).encode(), "bomb.yaml")
    assert caught.value.message == (
        "Can't read bomb.yaml:6:10: it unfolds to more than 200000 values; are its aliases meant to multiply?"
    )


def test_the_plain_values_are_those_of_the_api_and_make_the_pod_again() -> None:
    data = b"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n  replicas: 0x2\n  template:\n    spec:\n"
    data += b"      hostPID: yes\n      containers: [{name: c, image: busybox}]\n"
    (reading,) = read_pods(data, "d.yaml")
    assert reading.values["spec"]["replicas"] == 2
    assert reading.template == {"spec": {"hostPID": True, "containers": [{"name": "c", "image": "busybox"}]}}
    changed: Any = {**reading.values, "spec": {"template": {"spec": {"containers": [{"name": "d", "image": "x"}]}}}}
    pod = reading.with_values(changed).pod
    assert pod is not None
    assert (pod.containers[0].name, pod.host_pid, pod.name) == ("d", False, "d")


def test_objects_without_a_pod_are_passed_over_and_shown_to_whoever_asks() -> None:
    seen: list[str] = []
    data = stream("kind: Namespace\napiVersion: v1\n", POD.format(1), "kind: Foo\napiVersion: example.com/v1\n")
    pods = stream_pods(io.BytesIO(data), "a.yaml", on_other=lambda node: seen.append(node.entries["kind"][1].text))  # type: ignore[attr-defined]
    assert [reading.name for reading in pods] == ["p1"]
    assert seen == ["Namespace", "Foo"]


def test_a_file_without_a_pod_says_what_is_in_it() -> None:
    with pytest.raises(NoPod) as caught:
        read_pods(b"kind: ConfigMap\napiVersion: v1\n", "a.yaml")
    assert caught.value.message == "Can't read a.yaml: it holds no pod, only ConfigMap"


def test_strangers_are_passed_over_where_that_is_asked_for() -> None:
    data = stream("version: 3\nservices: {}\n", "[1, 2]\n", POD.format(1))
    assert [reading.name for reading in stream_pods(io.BytesIO(data), "a.yaml", strangers=True)] == ["p1"]


def test_the_items_of_a_typed_list_need_not_say_their_kind() -> None:
    pods = "apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: a}\n  spec: {containers: [{name: c, image: busybox}]}\n"
    (reading,) = read_pods(pods.encode(), "pods.yaml")
    assert (reading.kind, reading.name, reading.findings) == ("Pod", "a", ())
    assert reading.mark.line == 4


def test_the_items_of_other_lists_are_passed_over_like_their_kind() -> None:
    maps = "apiVersion: v1\nkind: ConfigMapList\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n"
    assert [reading.name for reading in read_pods(stream(maps, POD.format(1)), "pods.yaml")] == ["p1"]


@pytest.mark.parametrize(("labels", "count"), [("{a: b}", 0), ("{}", 1)])
def test_a_replication_controller_selects_by_the_labels_of_its_template(labels: str, count: int) -> None:
    owner = (
        "apiVersion: v1\nkind: ReplicationController\nmetadata: {name: rc}\nspec:\n  template:\n"
        f"    metadata: {{labels: {labels}}}\n    spec: {{containers: [{{name: c, image: busybox}}]}}\n"
    )
    (reading,) = read_pods(owner.encode(), "rc.yaml")
    assert [finding.path for finding in reading.findings] == ["spec.selector"] * count
