"""A file → its pods: documents, lists, kinds, what is passed over, and how strict the reading is."""

from __future__ import annotations

import pytest
from reading import reading_of, said
from running import pod_yaml

from ecirun.errors import NoPod, SpecUnreadable
from ecirun.spec import read_pods

POD = pod_yaml()
KINDS = "Pod, PodTemplate, ReplicationController, Deployment, StatefulSet, ReplicaSet, DaemonSet, Job, CronJob"


def pods_of(text: str):
    return [(reading.kind, reading.name, str(reading.mark)) for reading in read_pods(text.encode(), "pods.yaml")]


def test_every_document_with_a_pod_is_one():
    assert pods_of(f"{POD}---\n# nothing here\n---\n{pod_yaml(name='second')}") == [
        ("Pod", "test", "pods.yaml:1:1"),
        ("Pod", "second", "pods.yaml:12:1"),
    ]


def test_lists_are_taken_apart_however_deep():
    item = "{apiVersion: v1, kind: Pod, metadata: {name: %s}, spec: {containers: [{name: main, image: busybox}]}}"
    text = (
        f"apiVersion: v1\nkind: List\nitems:\n- {item % 'a'}\n- apiVersion: v1\n  kind: List\n  items:\n  - {item % 'b'}\n"
        f"- apiVersion: v1\n  kind: PodList\n  items: [{item % 'c'}]\n"
    )
    assert [name for _kind, name, _mark in pods_of(text)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("kind", "version", "template"),
    [
        ("PodTemplate", "v1", "template"),
        ("ReplicationController", "v1", "spec.template"),
        ("Deployment", "apps/v1", "spec.template"),
        ("StatefulSet", "apps/v1", "spec.template"),
        ("ReplicaSet", "apps/v1", "spec.template"),
        ("DaemonSet", "apps/v1", "spec.template"),
        ("Job", "batch/v1", "spec.template"),
        ("CronJob", "batch/v1", "spec.jobTemplate.spec.template"),
    ],
)
def test_the_pod_of_a_workload_is_its_template(kind, version, template):
    policy = "Never" if kind in ("Job", "CronJob") else "Always"
    inner = f"{{spec: {{restartPolicy: {policy}, containers: [{{name: Main, image: busybox}}]}}}}"
    for part in reversed(template.split(".")):
        inner = f"{{{part}: {inner}}}"
    text = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: test}}\n{inner[1:-1]}\n"
    reading = reading_of(text)
    assert reading.pod is not None
    assert reading.pod.prefix == f"{template}."
    errors = [finding.path for finding in reading.findings if finding.severity == "error"]
    assert errors == [f"{template}.spec.containers[0].name"]


def test_objects_without_a_pod_are_passed_over():
    text = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
        "---\napiVersion: example.com/v1\nkind: Thing\nmetadata: {name: b}\n"
    )
    assert pods_of(f"{text}---\n{POD}") == [("Pod", "test", "pods.yaml:9:1")]
    with pytest.raises(NoPod) as refused:
        pods_of(text)
    assert (refused.value.message, refused.value.hint) == (
        "Can't read pods.yaml: it holds no pod, only Service, Thing",
        f"give one of the kinds {KINDS}",
    )


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "Can't read pods.yaml: it is empty", "see `ecirun examples` for pods to start from"),
        ("# nothing\n---\n", "Can't read pods.yaml: it is empty", "see `ecirun examples` for pods to start from"),
        (
            "- a\n",
            "Can't read pods.yaml:1:1: it is a list, not a Kubernetes object",
            "begin with apiVersion: v1 and kind: Pod",
        ),
        (
            "hello\n",
            "Can't read pods.yaml:1:1: it is a single value, not a Kubernetes object",
            "begin with apiVersion: v1 and kind: Pod",
        ),
        (
            "apiVersion: v1\nkind: List\nitems: []\n",
            "Can't read pods.yaml: it holds no pod, only an empty list",
            f"give one of the kinds {KINDS}",
        ),
    ],
)
def test_what_holds_no_pod_is_refused(text, message, hint):
    with pytest.raises(SpecUnreadable) as refused:
        pods_of(text)
    assert (refused.value.message, refused.value.hint) == (message, hint)


LENIENT = pod_yaml(container='comand: ["true"]\ncapabilities: {add: [NET_ADMIN]}\ntty: true\ntty: false')


@pytest.mark.parametrize(("validate", "severity"), [("strict", "error"), ("warn", "warning")])
def test_unknown_misplaced_and_repeated_fields_are_what_validate_says(validate, severity):
    assert said(LENIENT, validate=validate) == [
        f'9:5: {severity}: spec.containers[0].comand: unknown field "comand"',
        f'10:5: {severity}: spec.containers[0].capabilities: unknown field "capabilities" here',
        f'12:5: {severity}: spec.containers[0].tty: key "tty" already set in map',
    ]


def test_ignored_fields_are_not_spoken_of_and_the_last_key_counts():
    reading = reading_of(LENIENT, validate="ignore")
    assert reading.findings == ()
    assert reading.pod is not None
    assert reading.pod.containers[0].tty is False


def test_everything_that_is_wrong_is_said_at_once_in_the_order_of_the_file():
    text = pod_yaml(
        pod="restartPolicy: Sometimes\nhostname: A\nsecurityContext: {runAsUser: -1, runAsGroup: a}",
        container="imagePullPolicy: Maybe\nports: [{containerPort: 0}, {containerPort: 70000}]",
        name="Test",
    )
    assert [line.partition(": ")[0] for line in said(text)] == [
        "4:9",
        "6:18",
        "7:13",
        "8:32",
        "8:48",
        "12:22",
        "13:29",
        "13:49",
    ]


def test_nothing_more_is_said_of_a_value_of_the_wrong_type():
    text = "apiVersion: v1\nkind: Pod\nmetadata: {name: 5}\nspec: {containers: [{name: 6, image: 7}, main], volumes: {}}\n"
    assert [line.split(": ")[2] for line in said(text)] == [
        "metadata.name",
        "spec.containers[0].name",
        "spec.containers[0].image",
        "spec.containers[1]",
        "spec.volumes",
    ]


def test_a_null_is_a_field_that_is_not_there():
    assert said(pod_yaml(container="command: null\nsecurityContext: ~", pod="restartPolicy:")) == []


def test_a_workload_that_the_api_would_refuse_is_warned_about_and_its_pod_is_read():
    text = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {a: b}}\n  template:\n"
        "    metadata: {labels: {a: c}}\n    spec: {containers: [{name: main, image: busybox}]}\n"
    )
    assert said(text) == [
        '7:24: warning: spec.template.metadata.labels: Invalid value: {"a":"c"}: `selector` does not match template `labels`'
    ]
    assert said(text.replace("  selector: {matchLabels: {a: b}}\n", "")) == ["5:3: warning: spec.selector: Required value"]


def test_json_is_read_too():
    text = (
        '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"name": "b", "image": "c"}]}}'
    )
    assert pods_of(text) == [("Pod", "a", "pods.yaml:1:1")]
