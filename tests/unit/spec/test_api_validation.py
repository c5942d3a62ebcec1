"""The API's own rules, by the answers of Kubernetes' own validation in api_validation.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ecirun.spec import read_pods

# Read as plain text: what Kubernetes makes of the fragments is what is tested.
TEXT = Path(__file__).with_name("api_validation.yaml").read_text()
TABLE = yaml.load(TEXT, Loader=yaml.BaseLoader)
TEXTS = TABLE["texts"]
VOLUMES = "{volumes: [{name: v, emptyDir: {}}, {name: c, persistentVolumeClaim: {claimName: x}}]}"


def fragments() -> list[dict[str, str]]:
    """The cases with their fragments as they are written."""
    cases = []
    for case in TEXT.partition("\ncases:\n")[2].split("\n- "):
        lines = case.removeprefix("- ").split("\n")
        pairs = (line.strip().split(": ", 1) for line in lines if not line.startswith("  - ") and ": " in line)
        cases.append(dict(pairs))
    return cases


CASES = list(zip(fragments(), TABLE["cases"], strict=True))


def pod(case: dict[str, str]) -> str:
    """The minimal pod with the case's fragment in it."""
    spec = case.get("spec", VOLUMES if "mount" in case else "{}")
    if "volume" in case:
        spec = f"{{volumes: [{case['volume']}]}}"
    return (
        f"apiVersion: v1\nkind: Pod\nmetadata: {case.get('metadata', '{name: test}')}\nspec:\n"
        f"  containers:\n  - name: main\n    image: busybox\n    <<: {case.get('container', case.get('mount', '{}'))}\n"
        f"  <<: {spec}\n"
    )


def in_full(message: str) -> str:
    for name, text in TEXTS.items():
        message = message.replace(f"{{{name}}}", text)
    return message


@pytest.mark.parametrize(("written", "case"), CASES, ids=[case["what"] for _written, case in CASES])
def test_the_api_says_of(written, case):
    (reading,) = read_pods(pod(written).encode(), "pod.yaml", validate="ignore")
    said = [f"{finding.path}: {finding.message}" for finding in reading.findings if finding.severity == "error"]
    assert said == [in_full(message) for message in case.get("says", [])]


def test_every_error_says_what_to_do():
    silent = [
        finding.path
        for written, _case in CASES
        for finding in read_pods(pod(written).encode(), "pod.yaml", validate="ignore")[0].findings
        if finding.severity == "error" and not finding.hint
    ]
    assert silent == []
