"""`ecirun check`, as a user calls it."""

from __future__ import annotations

import json

import pytest
from running import pod_yaml, run_ecirun

from ecirun.policy.load import policy_names

FINE = pod_yaml()
REFUSED = pod_yaml(container="securityContext: {privileged: true}")

PRIVILEGED = (
    "pod.yaml:9:35: error: spec.containers[0].securityContext.privileged: "
    "Forbidden: ECI does not support privileged containers\n"
    "    hint: remove it, and add the capabilities that the workload needs\n"
    "    rule: privileged-unsupported (documented) — ecirun explain privileged-unsupported\n"
)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def check(in_a_folder):
    """Checks a file of the text and returns exit code, stdout and stderr."""

    def run(text: str | bytes, *options: str):
        (in_a_folder / "pod.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return run_ecirun("check", *options, "pod.yaml")

    return run


def test_a_fine_pod_is_admitted(check):
    assert check(FINE) == (0, "pod.yaml:1:1: Pod test: admitted by eci-2024-02-26\n", "")


def test_a_refused_pod_says_where_why_and_what_to_do(check):
    assert check(REFUSED) == (1, "pod.yaml:1:1: Pod test: refused by eci-2024-02-26 (1 error)\n", PRIVILEGED)


def test_warnings_are_said_unless_quiet_and_admit(check):
    text = pod_yaml(pod="nodeSelector: {disk: ssd}")
    admitted = "pod.yaml:1:1: Pod test: admitted by eci-2024-02-26 (1 warning)\n"
    said = (
        "pod.yaml:6:17: warning: spec.nodeSelector: has no effect here: there is no cluster to place the pod in\n"
        "    rule: field-has-no-effect (documented) — ecirun explain field-has-no-effect\n"
    )
    assert check(text) == (0, admitted, said)
    assert check(text, "-q") == (0, admitted, "")


def test_the_apis_own_refusal_is_told_from_ecis(check):
    code, verdict, said = check(pod_yaml(pod="restartPolicy: Sometimes"))
    assert (code, verdict) == (1, "pod.yaml:1:1: Pod test: refused by the Kubernetes API's own rules (1 error)\n")
    assert said == (
        'pod.yaml:6:18: error: spec.restartPolicy: Unsupported value: "Sometimes": '
        'supported values: "Always", "OnFailure", "Never"\n'
        "    hint: choose one of the supported values\n"
        "    rule: unsupported-value (documented) — ecirun explain unsupported-value\n"
    )


def test_unsupported_fields_can_be_ignored(check):
    code, verdict, said = check(REFUSED, "--unsupported", "ignore")
    assert (code, verdict) == (0, "pod.yaml:1:1: Pod test: admitted by eci-2024-02-26 (1 warning)\n")
    assert said.startswith(
        "pod.yaml:9:35: warning: spec.containers[0].securityContext.privileged: ignored: the container is not privileged\n"
    )


def test_json_has_one_entry_per_pod_and_every_finding(check):
    code, document, said = check(f"{FINE}---\n{REFUSED}", "-o", "json")
    assert (code, said) == (1, "")
    fine, refused = json.loads(document)["pods"]
    assert {key: fine[key] for key in ("file", "line", "kind", "name", "verdict", "stage", "findings")} == {
        "file": "pod.yaml",
        "line": 1,
        "kind": "Pod",
        "name": "test",
        "verdict": "admitted",
        "stage": None,
        "findings": [],
    }
    assert (refused["line"], refused["verdict"], refused["stage"]) == (10, "refused", "policy")
    assert refused["findings"] == [
        {
            "rule": "privileged-unsupported",
            "severity": "error",
            "path": "spec.containers[0].securityContext.privileged",
            "value": True,
            "message": "Forbidden: ECI does not support privileged containers",
            "hint": "remove it, and add the capabilities that the workload needs",
            "file": "pod.yaml",
            "line": 18,
            "column": 35,
            "certainty": "documented",
            "source": "ECI, Configure a security context for a pod or container",
        }
    ]


def test_several_specs_standard_input_and_examples_in_one_run(in_a_folder):
    (in_a_folder / "pod.yaml").write_text(REFUSED)
    result = run_ecirun("check", "pod.yaml", "-", "example:sysctl", input=FINE)
    assert (result.code, result.stderr) == (1, PRIVILEGED + "ecirun: 3 pods: 2 admitted, 1 refused (1 error)\n")
    assert result.stdout == (
        "pod.yaml:1:1: Pod test: refused by eci-2024-02-26 (1 error)\n"
        "<stdin>:1:1: Pod test: admitted by eci-2024-02-26\n"
        "example:sysctl:2:1: Pod sysctl-example: admitted by eci-2024-02-26\n"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "Can't read pod.yaml: it is empty\n    hint: see `ecirun examples` for pods to start from\n"),
        (
            b"\x7fELF\x02\x01\x01\x00\xff\xfe",
            "Can't read pod.yaml:1: it is not text: byte 9 is not UTF-8\n    hint: give a YAML or JSON file\n",
        ),
        (b"a: b\0c\n", "Can't read pod.yaml: it is not text: byte 5 is NUL\n    hint: give a YAML or JSON file\n"),
        (
            b"apiVersion: v1\nmetadata:\n\tname: a\n",
            "Can't read pod.yaml:3:1: it is not YAML: found character that cannot start any token while scanning for the next "
            "token\n    hint: indent with spaces: YAML does not allow tabs there\n",
        ),
        (
            b"apiVersion: v1\nkind: Pod\nmetadata: {name: " + b"x" * 50_000_000 + b"}\n",
            "Can't read pod.yaml: it is larger than 3 MiB, the most that Kubernetes' API takes\n    hint: give only the pod\n",
        ),
    ],
    ids=["empty", "binary", "NUL", "tab", "50 MB"],
)
def test_what_cannot_be_read_is_refused(check, text, said):
    assert check(text) == (2, "", f"ecirun: error: {said}")


def test_a_file_that_is_not_there():
    hint = "    hint: give a file, a folder, - for standard input, or example:NAME (see `ecirun examples`)\n"
    assert run_ecirun("check", "none.yaml") == (
        2,
        "",
        f"ecirun: error: Can't read none.yaml: No such file or directory\n{hint}",
    )


def test_a_policy_that_is_not_there(check):
    assert check(FINE, "--policy", "eci-1999") == (
        2,
        "",
        'ecirun: error: Can\'t find policy "eci-1999"\n'
        f"    hint: choose one of {', '.join(policy_names())}, or give a file: ./eci-1999\n",
    )


def test_a_policy_of_ones_own(check, in_a_folder):
    (in_a_folder / "ours.toml").write_text('extends = "eci-2024-02-26"\n[capabilities]\naddable = ["CHOWN"]\n')
    code, verdict, _said = check(
        pod_yaml(container="securityContext: {capabilities: {add: [NET_ADMIN]}}"), "--policy", "ours.toml"
    )
    assert (code, verdict) == (1, "pod.yaml:1:1: Pod test: refused by ours (1 error)\n")


def test_nothing_to_check_is_a_mistake_of_usage():
    result = run_ecirun("check")
    assert (result.code, result.stdout) == (2, "")
    assert result.stderr == "ecirun: error: Missing argument 'SPEC...'\n    hint: see `ecirun check --help`\n"
