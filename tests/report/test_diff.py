"""`ecirun diff`, `ecirun policy diff` and `ecirun schema`, black box."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import fastjsonschema
import pytest
import yaml
from running import Result

from report.verdicts import FINE

Run = Callable[..., Result]
HEAD = "apiVersion: v1\nkind: Pod\nmetadata: {{name: {}}}\nspec:\n"
ONE = HEAD.format("one") + (
    "  securityContext: {runAsUser: 1000, sysctls: [{name: net.core.somaxconn, value: '1024'}]}\n"
    "  containers:\n  - name: c\n    image: busybox\n    securityContext: {capabilities: {drop: [KILL]}}\n"
)
TWO = HEAD.format("two") + (
    "  hostPID: true\n  containers:\n  - {name: c, image: busybox, securityContext: {privileged: true}}\n"
    "  - {name: more, image: busybox}\n"
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("one.yaml").write_text(ONE)
    Path("two.yaml").write_text(TWO)
    monkeypatch.setenv("ECIRUN_STORE", str(tmp_path / "store"))
    return tmp_path


def test_a_pod_does_not_differ_from_itself(ecirun: Run, here: Path) -> None:
    assert ecirun("diff", "one.yaml", "one.yaml") == Result(
        0,
        "A  Pod one (one.yaml:1:1) under eci-2024-02-26: admitted\n"
        "B  Pod one (one.yaml:1:1) under eci-2024-02-26: admitted\n\n"
        "the effective security contexts are the same\n",
        "",
    )


def test_two_pods_are_shown_side_by_side_where_they_differ(ecirun: Run, here: Path) -> None:
    result = ecirun("diff", "one.yaml", "two.yaml")
    assert result.code == 1
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[:6] == [
        "A Pod one (one.yaml:1:1) under eci-2024-02-26: admitted",
        "B Pod two (two.yaml:1:1) under eci-2024-02-26: refused",
        "",
        "pod",
        "≠ verdict admitted refused by policy",
        "≠ sysctl net.core.somaxconn 1024 -",
    ]
    start = lines.index("container c")
    assert "≠ bounding 00000000a80425db 00000000a80425fb" in lines[start:]
    assert "+KILL" in lines[start:]
    assert "≠ privileged - no" in lines[lines.index("container more") :]


def test_bare_kubernetes_gives_what_eci_does_not(ecirun: Run, here: Path) -> None:
    result = ecirun("diff", "--bare", "-o", "json", "two.yaml")
    assert result.code == 1
    document = json.loads(result.stdout)
    assert document["differs"] is True
    assert (document["a"], document["b"]) == (
        "Pod two (two.yaml:1:1) under bare Kubernetes: admitted",
        "Pod two (two.yaml:1:1) under eci-2024-02-26: refused",
    )
    pod, c, more = document["parts"]
    values = {row["name"]: (row["a"]["value"], row["b"]["value"]) for row in (*pod["rows"], *c["rows"])}
    assert values == {
        "verdict": ("admitted", "refused by policy"),
        "processes": ("the host's", "its own"),
        "bounding": ("000001ffffffffff", "00000000a80425fb"),
        "effective": ("000001ffffffffff", "00000000a80425fb"),
        "root": ("writable", "read-only"),
        "/proc": ("unmasked", "masked"),
        "privileged": ("yes", "no"),
    }
    assert [row["name"] for row in more["rows"]] == ["root"]


def test_all_shows_what_is_the_same_too(ecirun: Run, here: Path) -> None:
    document = json.loads(ecirun("diff", "--all", "-o", "json", "one.yaml", "one.yaml").stdout)
    assert document["differs"] is False
    names = [row["name"] for part in document["parts"] for row in part["rows"]]
    pod = ["verdict", "network", "processes", "IPC", "sysctl net.core.somaxconn"]
    container = ["user", "group", "groups", "bounding", "effective", "no_new_privs", "root", "/proc", "privileged"]
    assert names == pod + container


def test_two_policies_are_compared_by_one_pod(ecirun: Run, here: Path) -> None:
    Path("one.yaml").write_text(ONE.replace("net.core.somaxconn", "kernel.shm_rmid_forced").replace("1024", "1"))
    result = ecirun("diff", "--policy-b", "eci-2024-08-13", "one.yaml")
    assert result.code == 1
    assert "≠ verdict  refused by policy  admitted\n" in result.stdout


def test_admission_changes_what_is_compared(ecirun: Run, here: Path) -> None:
    Path("psp.yaml").write_text(
        "apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata: {name: p}\nspec:\n  privileged: true\n"
        "  hostPID: true\n  volumes: ['*']\n  requiredDropCapabilities: [ALL]\n  runAsUser: {rule: RunAsAny}\n"
        "  seLinux: {rule: RunAsAny}\n  fsGroup: {rule: RunAsAny}\n  supplementalGroups: {rule: RunAsAny}\n"
    )
    Path("fine.yaml").write_text(FINE)
    document = json.loads(ecirun("diff", "--all", "-o", "json", "--admission", "psp.yaml", "fine.yaml", "fine.yaml").stdout)
    rows = {row["name"]: row["a"]["value"] for row in document["parts"][1]["rows"]}
    assert rows["bounding"] == "0000000000000000"


def test_one_pod_alone_is_compared_with_nothing(ecirun: Run, here: Path) -> None:
    assert ecirun("diff", "one.yaml") == Result(
        125,
        "",
        "ecirun: error: Can't compare one pod with nothing\n    hint: give a second SPEC, --bare or --policy-b\n",
    )


def test_two_policies_are_compared_entry_by_entry(ecirun: Run) -> None:
    result = ecirun("policy", "diff", "eci-2024-02-26", "eci-2024-08-13")
    assert result.code == 1
    assert result.stdout == (
        "--- eci-2024-02-26: ECI, Configure a security context for a pod or container, 26 February 2024\n"
        "+++ eci-2024-08-13: ECI, Configure a security context for a pod or container, 13 August 2024\n\n"
        "sysctls refused\n  - kernel.shm_rmid_forced\n"
    )
    document = json.loads(ecirun("policy", "diff", "-o", "json", "eci-2024-02-26", "eci-2024-08-13").stdout)
    assert document["changes"] == [{"what": "sysctls refused", "removed": ["kernel.shm_rmid_forced"], "added": []}]
    same = ecirun("policy", "diff", "eci-2024-02-26", "eci-2024-02-26")
    assert (same.code, same.stdout.splitlines()[-1]) == (0, "they allow the same")


def test_the_schema_is_one_that_validators_take(ecirun: Run) -> None:
    document = json.loads(ecirun("schema").stdout)
    assert document["title"] == "Pods as eci-2024-02-26 takes them"
    fastjsonschema.compile(document)(yaml.safe_load(FINE))
