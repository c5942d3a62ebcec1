"""Where pods come from: files, text, dicts, and a few words in Python."""

from __future__ import annotations

import collections
import logging
import os
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running import pod_yaml

import ecirun

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  COLOUR: {colour}\n"
COLOURED = "env:\n- name: COLOUR\n  valueFrom: {configMapKeyRef: {name: settings, key: COLOUR}}"


def manifest(*args: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "test"},
        "spec": {"containers": [{"name": "main", "image": "busybox", "args": list(args)}]},
    }


def refused(call) -> ecirun.EcirunError:
    with pytest.raises(ecirun.EcirunError) as caught:
        call()
    return caught.value


def test_a_file_gives_its_pods_in_order(tmp_path):
    path = tmp_path / "pods.yaml"
    path.write_text(pod_yaml(name="one") + "---\n" + pod_yaml(name="two"))
    one, two = ecirun.load(path)
    assert (one.name, one.namespace, one.kind, one.file, one.line) == ("one", "default", "Pod", str(path), 1)
    assert (two.name, two.line, two.spec.containers[0].image) == ("two", 10, "busybox")


def test_the_pod_of_a_template_is_given_with_its_owner(tmp_path):
    path = tmp_path / "deployment.yaml"
    path.write_text(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n"
        "  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: main, image: busybox}]}\n"
    )
    (pod,) = ecirun.load(str(path))
    assert (pod.kind, pod.name, pod.findings) == ("Deployment", "web", ())


def test_an_example_is_named():
    assert [pod.name for pod in ecirun.load("example:sysctl")] == ["sysctl-example"]


def test_text_and_bytes_are_read_as_files_are():
    for text in (pod_yaml(), pod_yaml().encode()):
        (pod,) = ecirun.loads(text)
        assert repr(pod) == "<ecirun.Pod default/test from <text>:1>"


def test_text_may_have_a_name_for_findings():
    (pod,) = ecirun.loads(pod_yaml(container="imagePullPolicy: Never?"), name="made-up.yaml")
    assert [str(finding.mark) for finding in pod.findings] == ["made-up.yaml:9:22"]


def test_a_dict_is_read_as_a_file_is():
    (pod,) = ecirun.load(manifest("a"))
    assert (pod.name, pod.file, pod.findings, pod.spec.containers[0].args) == ("test", "<dict>", (), ("a",))


def test_any_mapping_and_tuple_is_as_good_as_a_dict_and_list():
    source = collections.OrderedDict(manifest())
    source["metadata"] = types.MappingProxyType({"name": "test"})
    source["spec"] = {"containers": ({"name": "main", "image": "busybox"},)}
    assert ecirun.load(types.MappingProxyType(source))[0].findings == ()


@given(args=st.lists(st.text(st.characters(blacklist_categories=["Cs"])), min_size=1, max_size=3))
@settings(max_examples=50, deadline=None)
def test_text_in_a_dict_arrives_as_it_is(args):
    assert ecirun.load(manifest(*args))[0].spec.containers[0].args == tuple(args)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({1, 2}, "it has a set"),
        (b"bytes", "it has a bytes"),
        (float("nan"), "Out of range float values are not JSON compliant"),
        (object(), "it has a object"),
    ],
)
def test_a_dict_with_what_is_no_data_cannot_be_read(value, why):
    error = refused(lambda: ecirun.load({**manifest(), "extra": value}))
    assert type(error) is ecirun.SpecUnreadable
    assert error.message.startswith(f"Can't read the dict: {why}")
    assert (error.where, error.hint) == ("<dict>", "use dicts, lists, str, numbers, bool and None")


def test_a_dict_that_holds_itself_cannot_be_read():
    endless = manifest()
    endless["spec"] = endless
    assert refused(lambda: ecirun.load(endless)).message == "Can't read the dict: Circular reference detected"


def test_what_is_wrong_is_in_the_findings_and_not_raised():
    (pod,) = ecirun.loads(pod_yaml(container="imag: busybox"))
    assert [(finding.rule.id, finding.severity, finding.path) for finding in pod.findings] == [
        ("unknown-field", "error", "spec.containers[0].imag")
    ]


@pytest.mark.parametrize(("validate", "severities"), [("strict", ["error"]), ("warn", ["warning"]), ("ignore", [])])
def test_unknown_fields_are_what_validate_says(validate, severities):
    (pod,) = ecirun.loads(pod_yaml(container="imag: busybox"), validate=validate)
    assert [finding.severity for finding in pod.findings] == severities


def test_validate_has_three_values():
    error = refused(lambda: ecirun.loads(pod_yaml(), validate="loose"))
    assert type(error) is ecirun.UsageError
    assert error.message == "Can't take validate='loose': it is not 'strict', 'warn' or 'ignore'"


def test_a_file_that_is_not_there(tmp_path):
    error = refused(lambda: ecirun.load(tmp_path / "no.yaml"))
    assert type(error) is ecirun.SpecUnreadable
    assert str(error) == (
        f"Can't read {tmp_path}/no.yaml: No such file or directory\n    hint: give a file, example:NAME, or a dict"
    )
    assert error.where == f"{tmp_path}/no.yaml"


def test_text_in_the_place_of_a_file():
    error = refused(lambda: ecirun.load(pod_yaml()))
    assert (type(error), error.hint) == (ecirun.SpecUnreadable, "give text to ecirun.loads")


def test_a_name_with_a_nul():
    assert refused(lambda: ecirun.load("a\0b")).message == "Can't read a\0b: the name has a NUL"


def test_text_without_a_pod():
    error = refused(lambda: ecirun.loads(CONFIG.format(colour="red")))
    assert type(error) is ecirun.NoPod


def test_text_that_is_no_yaml():
    error = refused(lambda: ecirun.loads("a: [", name="broken.yaml"))
    assert type(error) is ecirun.SpecUnreadable
    assert error.where.startswith("broken.yaml:")


@pytest.mark.parametrize("source", [None, 7, ["pod.yaml"], b"pod.yaml"])
def test_what_is_no_source(source):
    with pytest.raises(TypeError) as caught:
        ecirun.run(source)
    kind = type(source).__name__
    assert str(caught.value) == f"a pod is a file, example:NAME, a dict or one of what ecirun.load gives, not {kind}"


def test_config_maps_of_the_same_text_belong_to_its_pods():
    (pod,) = ecirun.loads(CONFIG.format(colour="red") + "---\n" + pod_yaml(container=COLOURED))
    assert pod.objects == {("ConfigMap", "default", "settings"): {"COLOUR": b"red"}}
    assert ecirun.plan(pod).containers[0].command.env["COLOUR"] == "red"


def test_config_maps_may_stand_beside(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text(CONFIG.format(colour="blue"))
    pod = ecirun.loads(pod_yaml(container=COLOURED))[0]
    assert ecirun.plan(pod, beside=[path]).containers[0].command.env["COLOUR"] == "blue"
    assert pod.objects == {}
    as_dict = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"COLOUR": "green"}}
    (loaded,) = ecirun.load(manifest(), beside=[as_dict])
    assert loaded.objects == {("ConfigMap", "default", "settings"): {"COLOUR": b"green"}}


def test_a_config_map_that_the_api_refuses_is_refused_with_its_findings():
    text = CONFIG.format(colour="red").replace("settings", "Settings") + "---\n" + pod_yaml()
    error = refused(lambda: ecirun.loads(text, name="both.yaml"))
    assert type(error) is ecirun.PodRefused
    assert error.message.startswith(
        "Can't use ConfigMap Settings: it is refused by the Kubernetes API's own rules\nboth.yaml:4:9: error: metadata.name: "
    )
    assert [finding.rule.id for finding in error.findings] == ["invalid-value"]


def test_of_several_pods_the_first_is_taken_and_the_others_are_named(tmp_path, caplog):
    path = tmp_path / "pods.yaml"
    path.write_text(pod_yaml(name="one") + "---\n" + pod_yaml(name="two") + "---\n" + pod_yaml(name="three"))
    assert ecirun.plan(path).name == "one"
    said = f'of 3 pods in {path} only the first, "one", is taken; not: "two", "three"'
    assert caplog.record_tuples == [("ecirun", logging.WARNING, said)]


def test_a_file_is_read_again_when_it_has_changed(tmp_path):
    path = tmp_path / "pod.yaml"
    path.write_text(pod_yaml(name="one"))
    assert ecirun.plan(path).name == "one"
    draft = tmp_path / "draft"
    draft.write_text(pod_yaml(name="two"))
    os.replace(draft, path)
    assert ecirun.plan(path).name == "two"


def test_a_pod_in_a_few_words():
    assert ecirun.pod() == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pod"},
        "spec": {"containers": [{"name": "main", "image": "busybox", "command": ["sleep", "infinity"]}]},
    }


def test_a_pod_in_a_few_words_more():
    made = ecirun.pod(
        name="test",
        image="debian",
        command=["true"],
        capabilities=["NET_ADMIN"],
        drop=["ALL"],
        sysctls={"net.core.somaxconn": "1024"},
        env={"A": "1"},
        security_context={"runAsUser": 1000},
        pod_security_context={"runAsNonRoot": True},
    )
    assert made["spec"] == {
        "securityContext": {"runAsNonRoot": True, "sysctls": [{"name": "net.core.somaxconn", "value": "1024"}]},
        "containers": [
            {
                "name": "main",
                "image": "debian",
                "command": ["true"],
                "env": [{"name": "A", "value": "1"}],
                "securityContext": {"capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]}, "runAsUser": 1000},
            }
        ],
    }
    assert ecirun.load(made)[0].findings == ()
