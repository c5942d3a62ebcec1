"""Pod Security Admission by the labels of Namespaces."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from admission.pods import C, admitted, pod
from ecirun.errors import PolicyUnreadable
from ecirun.policy.admission.load import load_gates
from ecirun.policy.admission.namespaces import Modes, modes_of
from ecirun.policy.admission.standards.gate import LevelVersion

Namespaces = Callable[..., str]
P = "pod-security.kubernetes.io/"


@pytest.fixture
def namespaces(tmp_path: Path) -> Namespaces:
    """Writes Namespaces with these labels to a file and returns its name."""

    def write(**labels: dict[str, str]) -> str:
        objects = [
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": name, "labels": {P + key: value for key, value in entry.items()}},
            }
            for name, entry in labels.items()
        ]
        path = tmp_path / "namespaces.json"
        path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        return str(path)

    return write


def said(values: dict[str, Any], file: str) -> list[tuple[str, str]]:
    return [(entry.severity, entry.message) for entry in admitted(values, file).findings]


PRIVILEGED = {f"{C}.securityContext.privileged": True}
BASELINE = 'privileged (container "c" must not set securityContext.privileged=true)'


def test_what_is_enforced_refuses_and_nothing_more_is_said(namespaces: Namespaces) -> None:
    file = namespaces(team={"enforce": "baseline", "enforce-version": "v1.25", "warn": "restricted", "audit": "restricted"})
    found = admitted(pod(PRIVILEGED), file)
    assert found.refused_by == "namespaces"
    assert found.refusal == f'pods "test" is forbidden: violates PodSecurity "baseline:v1.25": {BASELINE}'
    assert said(pod(PRIVILEGED), file) == [("error", f'violates PodSecurity "baseline:v1.25": {BASELINE}')]


def test_what_is_warned_of_is_a_warning_and_what_is_audited_a_note(namespaces: Namespaces) -> None:
    file = namespaces(team={"enforce": "privileged", "warn": "baseline", "audit": "baseline", "audit-version": "v1.20"})
    assert said(pod(PRIVILEGED), file) == [
        ("warning", f'would violate PodSecurity "baseline:latest": {BASELINE}'),
        ("note", f'would violate PodSecurity "baseline:v1.20": {BASELINE}'),
    ]


@pytest.mark.parametrize(
    ("labels", "modes"),
    [
        ({}, Modes()),
        ({"enforce": "baseline"}, Modes(LevelVersion("baseline"), LevelVersion(), LevelVersion("baseline"))),
        (
            {"enforce": "restricted", "enforce-version": "v1.20"},
            Modes(LevelVersion("restricted", "v1.20"), LevelVersion(), LevelVersion("restricted", "v1.20")),
        ),
        (
            {"enforce": "restricted", "enforce-version": "v1.20", "warn-version": "v1.21"},
            Modes(LevelVersion("restricted", "v1.20"), LevelVersion(), LevelVersion("restricted", "v1.21")),
        ),
        (
            {"enforce": "baseline", "warn": "privileged", "audit": "restricted"},
            Modes(LevelVersion("baseline"), LevelVersion("restricted"), LevelVersion()),
        ),
    ],
)
def test_labels_are_read_as_upstream_reads_them(labels: dict[str, str], modes: Modes) -> None:
    assert modes_of({P + key: value for key, value in labels.items()}) == modes


@pytest.mark.parametrize(
    ("labels", "error"),
    [
        ({"enforce": "strict"}, 'enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted'),
        ({"warn-version": "1.25"}, 'warn-version]: Invalid value: "1.25": must be "latest" or "v1.x"'),
    ],
)
def test_a_label_that_the_api_would_refuse_is_refused(namespaces: Namespaces, labels: dict[str, str], error: str) -> None:
    file = namespaces(team=labels)
    with pytest.raises(PolicyUnreadable) as caught:
        load_gates([file])
    assert caught.value.message == f'Can\'t take Namespace "team" at {file}:1:48: metadata.labels[{P}{error}'


def test_each_pod_is_judged_by_its_own_namespace(namespaces: Namespaces) -> None:
    file = namespaces(strict={"enforce": "baseline"}, default={"enforce": "privileged"})
    refused = pod(PRIVILEGED, {"metadata.namespace": "strict"})
    assert admitted(refused, file).refusal
    assert said(pod(PRIVILEGED), file) == []  # of several Namespaces, a pod without one is in "default"


def test_a_pod_of_a_namespace_that_is_not_known_is_told_so(namespaces: Namespaces) -> None:
    file = namespaces(team={"enforce": "baseline"})
    found = admitted(pod(PRIVILEGED, {"metadata.namespace": "other"}), file)
    assert [(entry.rule.id, entry.severity, entry.message) for entry in found.findings] == [
        (
            "namespace-not-given",
            "note",
            'the labels of Namespace "other" are not known, so nothing was enforced; known: "team"',
        )
    ]
