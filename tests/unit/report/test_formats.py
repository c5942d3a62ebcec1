"""What each format of `check` makes of verdicts, format by format."""

from __future__ import annotations

import json
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from report.verdicts import FINE, POD, verdicts, written

from ecirun.cli.outputs import rules_of_all_stages
from ecirun.policy.load import load_policy
from ecirun.report.github import GithubOutput, annotation
from ecirun.report.gitlab import GitlabOutput
from ecirun.report.junit import JunitOutput
from ecirun.report.machine import JsonOutput, YamlOutput
from ecirun.report.output import Head
from ecirun.report.relative_uri import relative_uri
from ecirun.report.sarif import SarifOutput
from ecirun.report.text import TextOutput, printable
from ecirun.report.verdict import Verdict


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Verdict]:
    """The verdicts on a pod with one of everything and on one with nothing."""
    monkeypatch.chdir(tmp_path)
    Path("pods.yaml").write_text(POD + "---\n" + FINE)
    return verdicts("pods.yaml")


def sarif_of(write: Callable[[str], object]) -> SarifOutput:
    return SarifOutput(write, rules_of_all_stages(load_policy()))


def sarif(found: list[Verdict]) -> Any:
    return json.loads(written(sarif_of, found))


# text


def test_text_says_findings_in_file_order_then_the_verdict(both: list[Verdict]) -> None:
    said: list[str] = []
    text = written(lambda write: TextOutput(write, said.append, quiet=False), both)
    assert text == (
        "pods.yaml:1:1: Pod web: refused by eci-2024-02-26 (3 errors, 1 warning, 1 ignored)\n"
        "pods.yaml:15:1: Pod fine: admitted by eci-2024-02-26\n"
    )
    assert said[0] == (
        "pods.yaml:7:12: note: spec.hostPID: ignored (it is a debugger, and stays on the laptop): "
        "Forbidden: ECI does not offer hostPID\n"
        "    hint: remove hostPID\n"
        "    rule: host-pid (documented) — ecirun explain host-pid\n"
    )
    assert [line.split(":")[1] for line in said[:-1]] == ["7", "8", "12", "12", "13"]
    assert said[-1] == "ecirun: 2 pods: 1 admitted, 1 refused (3 errors, 1 warning)\n"


def test_quiet_text_says_errors_only(both: list[Verdict]) -> None:
    said: list[str] = []
    written(lambda write: TextOutput(write, said.append, quiet=True), both)
    assert [" error: " in entry for entry in said] == [True] * 3


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x9b2J\x7f", "\\x9b2J\\x7f"),
        ("a\u2028b", "a\\u2028b"),
        ("grüße, 世界", "grüße, 世界"),
    ],
)
def test_what_would_steer_a_terminal_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


# json and yaml


def test_json_is_the_documented_document(both: list[Verdict]) -> None:
    document = json.loads(written(JsonOutput, both))
    assert list(document) == ["schema_version", "policy", "pods"]
    assert (document["schema_version"], document["policy"]) == (1, "eci-2024-02-26")
    web, fine = document["pods"]
    assert {key: value for key, value in web.items() if key != "findings"} == {
        "file": "pods.yaml",
        "line": 1,
        "kind": "Pod",
        "name": "web",
        "verdict": "refused",
        "stage": "policy",
    }
    assert fine == {
        "file": "pods.yaml",
        "line": 15,
        "kind": "Pod",
        "name": "fine",
        "verdict": "admitted",
        "stage": None,
        "findings": [],
    }
    rule = load_policy().rules["host-ipc"]
    assert web["findings"][1] == {
        "rule": "host-ipc",
        "severity": "error",
        "path": "spec.hostIPC",
        "value": True,
        "message": "Forbidden: ECI does not offer hostIPC",
        "hint": "remove hostIPC",
        "file": "pods.yaml",
        "line": 8,
        "column": 12,
        "certainty": rule.certainty,
        "source": rule.source,
    }


def test_json_of_no_pod_is_a_document_too() -> None:
    assert json.loads(written(JsonOutput, [])) == {"schema_version": 1, "policy": "eci-2024-02-26", "pods": []}


def test_yaml_says_what_json_says(both: list[Verdict]) -> None:
    assert yaml.safe_load(written(YamlOutput, both)) == json.loads(written(JsonOutput, both))
    assert yaml.safe_load(written(YamlOutput, [])) == json.loads(written(JsonOutput, []))


def test_a_value_that_json_does_not_have_is_written_as_text(tmp_path: Path) -> None:
    file = tmp_path / "nan.yaml"
    file.write_text(FINE.replace("spec:", "spec:\n  activeDeadlineSeconds: .nan"))
    document = json.loads(written(JsonOutput, verdicts(str(file))), parse_constant=pytest.fail)
    assert document["pods"][0]["findings"][0]["value"] == "NaN"


# SARIF 2.1.0


def test_sarif_has_one_run_with_every_rule_and_results_even_when_there_are_none() -> None:
    document = sarif([])
    assert document["$schema"] == "https://json.schemastore.org/sarif-2.1.0.json"
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    assert run["results"] == []
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted(rules_of_all_stages(load_policy()))
    for rule in rules:
        assert set(rule) == {
            "id",
            "name",
            "shortDescription",
            "fullDescription",
            "help",
            "defaultConfiguration",
            "properties",
        }
        assert re.fullmatch(r"([A-Z][a-z0-9]*)+", rule["name"])
        assert all(rule[part]["text"].strip() for part in ("shortDescription", "fullDescription", "help"))


def test_a_sarif_result_names_rule_place_and_object(both: list[Verdict]) -> None:
    (run,) = sarif(both)["runs"]
    result = run["results"][1]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "host-ipc"
    assert result["level"] == "error"
    assert result["message"]["text"] == ("Pod web: spec.hostIPC: Forbidden: ECI does not offer hostIPC. Remove hostIPC.")
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "pods.yaml"},
        "region": {"startLine": 8, "startColumn": 12},
    }
    assert location["logicalLocations"] == [{"fullyQualifiedName": "Pod/web/spec.hostIPC"}]
    assert "suppressions" not in result


def test_an_ignored_finding_is_suppressed_in_sarif(both: list[Verdict]) -> None:
    result = sarif(both)["runs"][0]["results"][0]
    assert result["level"] == "error"
    assert result["suppressions"] == [{"kind": "inSource", "justification": "it is a debugger, and stays on the laptop"}]


def test_fingerprints_outlive_moved_lines_and_tell_findings_apart(both: list[Verdict]) -> None:
    before = [result["partialFingerprints"]["ecirun/v1"] for result in sarif(both)["runs"][0]["results"]]
    Path("pods.yaml").write_text("# a line more\n\n" + POD)
    after = sarif(verdicts("pods.yaml"))["runs"][0]["results"]
    assert [result["partialFingerprints"]["ecirun/v1"] for result in after] == before
    assert len(set(before)) == len(before) == 5
    assert after[1]["locations"][0]["physicalLocation"]["region"]["startLine"] == 10


def test_fingerprints_do_not_depend_on_how_the_file_is_named(both: list[Verdict]) -> None:
    def prints(file: str) -> list[str]:
        return [entry["fingerprint"] for entry in json.loads(written(GitlabOutput, verdicts(file)))]

    assert prints(os.path.abspath("pods.yaml")) == prints("./pods.yaml") == prints("pods.yaml")


def test_equal_findings_have_fingerprints_of_their_own(both: list[Verdict]) -> None:
    found = sarif([both[0], both[0]])["runs"][0]["results"]
    assert len({result["partialFingerprints"]["ecirun/v1"] for result in found}) == 10


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("a/b.yaml", "a/b.yaml"),
        ("./a//b.yaml", "a/b.yaml"),
        ("a b#c.yaml", "a%20b%23c.yaml"),
        ("{here}/a.yaml", "a.yaml"),
        ("/elsewhere/a.yaml", "elsewhere/a.yaml"),
        ("<stdin>", "%3Cstdin%3E"),
    ],
)
def test_uris_are_relative(file: str, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert relative_uri(file.format(here=os.getcwd())) == uri


# JUnit


def test_junit_counts_a_case_for_each_broken_rule_and_each_fine_pod(both: list[Verdict]) -> None:
    root = ET.fromstring(written(JunitOutput, both))
    assert root.attrib == {"name": "ecirun", "tests": "3", "failures": "2", "errors": "0"}
    (suite,) = root
    assert suite.attrib == {"name": "pods.yaml", "tests": "3", "failures": "2", "errors": "0", "skipped": "0"}
    assert [case.get("name") for case in suite] == ["Pod web: host-ipc", "Pod web: capability-not-permitted", "Pod fine"]
    failure = suite[0].find("failure")
    assert failure is not None
    assert failure.get("message") == "spec.hostIPC: Forbidden: ECI does not offer hostIPC"
    assert failure.text == (
        "pods.yaml:8:12: error: spec.hostIPC: Forbidden: ECI does not offer hostIPC [host-ipc]\n    hint: remove hostIPC"
    )
    others = suite[0].findtext("system-out") or ""
    assert others.startswith("pods.yaml:7:12: note: spec.hostPID: ignored (it is a debugger")
    assert len(suite[2]) == 0


def test_junit_fails_on_warnings_when_the_command_does(both: list[Verdict]) -> None:
    root = ET.fromstring(written(JunitOutput, both, fail_on_warning=True))
    assert root.get("failures") == "3"
    assert "Pod web: field-has-no-effect" in [case.get("name") for case in root[0]]


def test_junit_survives_hostile_names(tmp_path: Path) -> None:
    file = tmp_path / "hostile.yaml"
    file.write_text(FINE.replace("name: fine", 'name: "<&\\"\\e]]>\\x7f"'))
    case = ET.fromstring(written(JunitOutput, verdicts(str(file))))[0][0]
    assert case.get("name") == 'Pod <&"\\x1b]]>\\x7f: invalid-value'


# GitHub


def test_github_folds_the_text_and_annotates_errors_before_warnings(both: list[Verdict]) -> None:
    lines = written(GithubOutput, both).splitlines()
    assert lines[0] == "::group::ecirun check"
    stopped = re.fullmatch(r"::stop-commands::([0-9a-f]{32})", lines[1])
    assert stopped is not None
    assert lines[lines.index("::endgroup::") - 1] == f"::{stopped[1]}::"
    annotations = lines[lines.index("::endgroup::") + 1 :]
    assert [line.split(" ")[0].split(",")[0] for line in annotations] == ["::error"] * 3 + ["::warning", "::notice"]
    assert annotations[0] == (
        "::error file=pods.yaml,line=8,col=12,title=host-ipc::Pod web: spec.hostIPC: Forbidden: ECI does not offer hostIPC%0A"
        "hint: remove hostIPC"
    )
    assert annotations[-1] == "::notice title=ecirun::2 pods: 1 admitted, 1 refused (3 errors, 1 warning)"


def test_github_gets_no_more_annotations_than_it_shows_and_the_rest_is_counted(both: list[Verdict]) -> None:
    lines = written(GithubOutput, [both[0]] * 12).splitlines()
    assert sum(line.startswith("::error ") for line in lines) == 10
    assert sum(line.startswith("::warning ") for line in lines) == 10
    assert lines[-1] == (
        "::notice title=ecirun::12 pods: 0 admitted, 12 refused (36 errors, 12 warnings); "
        "28 more are in the log, in the group ecirun check"
    )
    assert sum(" error: " in line for line in lines) == 36


def test_nothing_in_a_name_begins_a_command_of_its_own(both: list[Verdict]) -> None:
    finding = both[0].findings[0]
    hostile = finding._replace(mark=finding.mark._replace(file="a,b:c%.yaml"), message="x\n::error::y\r100%", hint="", path="p")
    assert annotation(both[0], hostile) == (
        "::note file=a%2Cb%3Ac%25.yaml,line=7,col=12,title=host-pid::Pod web: p: x%0A::error::y%0D100%25"
    )


# GitLab


def test_gitlab_gets_an_issue_for_each_finding(both: list[Verdict]) -> None:
    issues = json.loads(written(GitlabOutput, both))
    assert [(issue["check_name"], issue["severity"]) for issue in issues] == [
        ("host-pid", "info"),
        ("host-ipc", "critical"),
        ("capability-not-permitted", "critical"),
        ("capability-not-permitted", "critical"),
        ("field-has-no-effect", "minor"),
    ]
    assert issues[1]["description"] == "Pod web: spec.hostIPC: Forbidden: ECI does not offer hostIPC"
    assert issues[1]["location"] == {"path": "pods.yaml", "lines": {"begin": 8}}
    assert json.loads(written(GitlabOutput, [])) == []


def test_gitlab_would_drop_repeated_fingerprints_so_there_are_none(both: list[Verdict]) -> None:
    issues = json.loads(written(GitlabOutput, [both[0]] * 3))
    assert len({issue["fingerprint"] for issue in issues}) == len(issues) == 15


def test_the_gates_of_admission_are_named(tmp_path: Path) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text(FINE)
    head = Head("none", "pss:baseline")
    text = written(lambda write: TextOutput(write, write, quiet=False), verdicts(str(file), policy="none"), head=head)
    assert text == f"{file}:1:1: Pod fine: admitted by pss:baseline\n"
    assert json.loads(written(sarif_of, [], head=head))["runs"][0]["properties"] == {
        "policy": "none",
        "admission": "pss:baseline",
    }
