"""Verdicts for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ecirun.report.verdict import Verdict


def verdicts_json(verdicts: Iterable[Verdict], policy: str) -> str:
    """The document of `check -o json`; ends in a newline."""
    pods = [
        {
            "file": verdict.mark.file,
            "line": verdict.mark.line,
            "kind": verdict.kind,
            "name": verdict.name,
            "verdict": verdict.word,
            "stage": verdict.stage,
            "findings": [finding.as_json() for finding in verdict.findings],
        }
        for verdict in verdicts
    ]
    return json.dumps({"schema_version": 1, "policy": policy, "pods": pods}, indent=2, default=str) + "\n"
