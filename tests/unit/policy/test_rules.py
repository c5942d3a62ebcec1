"""Every rule by pods that differ in one field: tests/fixtures/RULE/{pass,fail}/NAME.yaml, what is said about each beside it.

`ECIRUN_UPDATE=1` writes what is said now into the `.findings` files; look at the difference before you commit it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ecirun.policy.ignore import ignore
from ecirun.policy.judge import Options, judge
from ecirun.policy.load import load_policy
from ecirun.report.text import finding_text
from ecirun.spec import read_pods, spec_rules

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
POLICY = load_policy()
RULES = {**spec_rules(), **POLICY.rules}
PODS = sorted(FIXTURES.glob("*/*/*.yaml"))
UPDATE = os.environ.get("ECIRUN_UPDATE") == "1"


def findings_about(pod: Path):
    found = []
    for reading in read_pods(pod.read_bytes(), pod.name):
        judged = judge(reading.pod, POLICY, Options()) if reading.pod else []
        found += ignore([*reading.findings, *judged], reading, POLICY)
    return sorted(found, key=lambda finding: (finding.mark.line, finding.mark.column))


@pytest.mark.parametrize("pod", PODS, ids=lambda pod: "/".join(pod.parts[-3:]))
def test_what_is_said_about_a_pod(pod):
    found = findings_about(pod)
    said = "".join(finding_text(finding) + "\n" for finding in found)
    expected = pod.with_suffix(".findings")
    if UPDATE:
        expected.write_text(said) if said else expected.unlink(missing_ok=True)
    assert said == (expected.read_text() if expected.exists() else "")
    rule, verdict = pod.parts[-3:-1]
    assert (rule in {finding.rule.id for finding in found}) == (verdict == "fail")


@pytest.mark.parametrize("verdict", ["pass", "fail"])
def test_every_rule_has_a_pod_that_passes_and_one_that_fails(verdict):
    without = [rule for rule in RULES if not list(FIXTURES.glob(f"{rule}/{verdict}/*.yaml"))]
    assert without == []


def test_every_fixture_belongs_to_a_rule():
    strangers = [
        str(path.relative_to(FIXTURES))
        for path in FIXTURES.rglob("*")
        if path.is_file()
        and (
            path.relative_to(FIXTURES).parts[0] not in RULES
            or path.parent.name not in ("pass", "fail")
            or not path.with_suffix(".yaml").exists()
        )
    ]
    assert strangers == []


def test_a_fixture_that_passes_is_admitted():
    refused = [
        str(pod.relative_to(FIXTURES))
        for pod in PODS
        if pod.parent.name == "pass" and any(finding.severity == "error" for finding in findings_about(pod))
    ]
    assert refused == []
