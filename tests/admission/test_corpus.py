"""The public corpus of kubernetes/pod-security-admission: every verdict equal.

Its files are not part of this project. ECIRUN_PSA_CORPUS names a folder with its test/testdata.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ecirun.policy.admission.load import load_gates
from ecirun.policy.admission.stage import admit
from ecirun.spec import read_pods

CORPUS = os.environ.get("ECIRUN_PSA_CORPUS", "")


@pytest.mark.skipif(not CORPUS, reason="ECIRUN_PSA_CORPUS names no folder")
@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_every_pod_of_the_corpus_gets_its_verdict(level: str) -> None:
    wrong, judged = [], 0
    for folder in sorted(Path(CORPUS, level).iterdir()):
        gates = load_gates([f"pss:{level}@{folder.name}"]).all
        for file in sorted(folder.glob("*/*.yaml")):
            reading = read_pods(file.read_bytes(), str(file))[0]
            judged += 1
            if bool(admit(reading, gates).refusal) != (file.parent.name == "fail"):
                wrong.append(file)
            # The files' names are the pods' names, and some are none that the API takes; upstream's own run renames them.
            others = {finding.path for finding in reading.findings if finding.severity == "error"} - {"metadata.name"}
            if others and file.parent.name == "pass":
                wrong.append(file)
    assert judged > 1000
    assert wrong == []
