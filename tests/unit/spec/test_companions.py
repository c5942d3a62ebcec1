"""ConfigMaps, Secrets and claims beside the pods."""

from __future__ import annotations

import io

import pytest

from ecirun.errors import SpecUnreadable
from ecirun.spec.companion import stream_companions

KEY = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
HIDDEN = "Invalid value: <contents not shown>"
NUMBER = "json: cannot unmarshal number into Go struct field"


def companions(text: str):
    return list(stream_companions(io.BytesIO(text.encode()), "more.yaml"))


def only(text: str):
    (companion,) = companions(text)
    return companion


def said(text: str) -> list[str]:
    return [f"{entry.mark.line}:{entry.mark.column}: {entry.path}: {entry.message}" for entry in only(text).findings]


def config_map(content: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\n{content}"


def secret(content: str) -> str:
    return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\n{content}"


def test_a_config_map_has_its_data_as_bytes():
    companion = only(config_map("data: {a: é, b: ''}\nbinaryData: {c: AP8=}"))
    assert (companion.kind, companion.name, companion.namespace, companion.findings) == ("ConfigMap", "a", "default", ())
    assert companion.data == {"a": "é".encode(), "b": b"", "c": b"\x00\xff"}


def test_a_secret_is_decoded_and_its_plain_strings_win():
    companion = only(secret("stringData: {a: three}\ndata:\n  a: b25l\n  b: |\n    dHdv\n    dHdv\n"))
    assert companion.findings == ()
    assert companion.data == {"a": b"three", "b": b"twotwo"}


def test_a_claim_has_only_a_name():
    companion = only(
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: a, namespace: b}\n"
        "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n"
    )
    assert companion[:3] == ("PersistentVolumeClaim", "a", "b")
    assert (companion.findings, companion.data) == ((), {})


def test_other_objects_are_passed_over_and_lists_are_taken_apart():
    text = (
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"
        "- {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Secret, metadata: {name: b}}]}\n"
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: c}\n---\napiVersion: example.com/v1\nkind: Secret\n"
        "metadata: {name: d}\n"
    )
    assert [(companion.kind, companion.name) for companion in companions(text)] == [("ConfigMap", "a"), ("Secret", "b")]


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        ("data: {a b: c}", [f'4:13: data[a b]: Invalid value: "a b": {KEY}']),
        ("data: {..: c}", ["4:12: data[..]: Invalid value: \"..\": must not be '..'"]),
        ("data: {..a: c}", ["4:13: data[..a]: Invalid value: \"..a\": must not start with '..'"]),
        ("data: {a: b}\nbinaryData: {a: Yg==}", ['4:11: data[a]: Invalid value: "a": duplicate of key present in binaryData']),
        ("binaryData: {a: b}", [f"4:17: binaryData[a]: {HIDDEN}: illegal base64 data at input byte 0"]),
        ("data: {a: 1}", [f"4:11: data[a]: Invalid value: 1: {NUMBER} ConfigMap.data of type string"]),
        ("dat: {a: b}", ['4:1: dat: unknown field "dat"']),
    ],
)  # fmt: skip
def test_what_the_api_refuses_in_a_config_map(content, messages):
    assert said(config_map(content)) == messages


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        ("data: {a: plain text}",
         [f"4:11: data[a]: {HIDDEN}: illegal base64 data at input byte 5"]),
        ("stringData: {pin: 1234}", [f"4:19: stringData[pin]: {HIDDEN}: {NUMBER} Secret.stringData of type string"]),
        ("type: kubernetes.io/tls\ndata: {tls.crt: YQ==}", ["5:7: data[tls.key]: Required value"]),
        ("type: kubernetes.io/basic-auth", ["1:1: data[username]: Required value", "1:1: data[password]: Required value"]),
        ("type: kubernetes.io/basic-auth\nstringData: {username: a}", []),
        ("type: kubernetes.io/ssh-auth\nstringData: {ssh-privatekey: ''}", ["1:1: data[ssh-privatekey]: Required value"]),
        ("type: kubernetes.io/dockerconfigjson\nstringData: {.dockerconfigjson: '[]'}",
         ['1:1: data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": it is not a JSON object']),
        ("type: kubernetes.io/service-account-token",
         ["3:11: metadata.annotations[kubernetes.io/service-account.name]: Required value"]),
        ("type: mine", []),
    ],
)  # fmt: skip
def test_what_the_api_refuses_in_a_secret(content, messages):
    assert said(secret(content)) == messages


def test_a_secret_never_shows_its_contents():
    findings = only(secret("data: {a: 'my password!', b: 1234567}\nstringData: {c: 1234567}")).findings
    assert len(findings) == 3
    assert "my password!" not in repr(findings)
    assert "1234567" not in repr(findings)


def test_more_than_a_mebibyte_is_too_much():
    assert said(config_map("data: {a: " + "x" * (1024 * 1024 + 1) + "}")) == [
        "1:1: : Too long: may not be more than 1048576 bytes"
    ]


def test_a_claim_needs_a_mode_and_a_size():
    text = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: a}\nspec: {}\n"
    assert said(text) == [
        "4:7: spec.accessModes: Required value: at least 1 access mode is required",
        "4:7: spec.resources[storage]: Required value",
    ]


def test_a_file_that_is_no_yaml_is_refused():
    with pytest.raises(SpecUnreadable):
        companions("a: b: c")
