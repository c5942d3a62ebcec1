"""Verdicts for programs: JSON and YAML, one pod after the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from ecirun.report.output import Head, Tally
from ecirun.report.verdict import Verdict


def verdicts_json(verdicts: Iterable[Verdict], policy: str) -> str:
    """The whole document of `check -o json`; ends in a newline."""
    parts: list[str] = []
    output = JsonOutput(parts.append)
    output.begin(Head(policy, ""))
    for verdict in verdicts:
        output.add(verdict)
    output.end(Tally())
    return "".join(parts)


def pod_json(verdict: Verdict) -> dict[str, Any]:
    """One pod as `check -o json` documents it."""
    return {
        "file": verdict.mark.file,
        "line": verdict.mark.line,
        "kind": verdict.kind,
        "name": verdict.name,
        "verdict": verdict.word,
        "stage": verdict.stage,
        "findings": [finding.as_json() for finding in verdict.findings],
    }


class JsonOutput:
    """One JSON document, a line for each finding."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write = write
        self.before = "\n"

    def begin(self, head: Head) -> None:
        """Open the document."""
        self.write(f'{{\n  "schema_version": 1,\n  "policy": {_dumped(head.policy)},\n  "pods": [')

    def add(self, verdict: Verdict) -> None:
        """One element of `pods`."""
        pod = pod_json(verdict)
        findings = pod.pop("findings")
        lines = ",\n".join(f"      {_dumped(finding)}" for finding in findings)
        inner = f"[\n{lines}\n    ]" if findings else "[]"
        self.write(f'{self.before}    {_dumped(pod)[:-1]}, "findings": {inner}}}')
        self.before = ",\n"

    def end(self, _tally: Tally) -> None:
        """Close the document."""
        self.write("\n  ]\n}\n" if self.before != "\n" else "]\n}\n")


class YamlOutput:
    """The same document as YAML."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write = write
        self.empty = True

    def begin(self, head: Head) -> None:
        """Open the document."""
        self.write(f"schema_version: 1\npolicy: {_dumped(head.policy)}\n")

    def add(self, verdict: Verdict) -> None:
        """One element of `pods`."""
        import yaml

        if self.empty:
            self.write("pods:\n")
            self.empty = False
        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        # Through JSON, so that nothing is in it that JSON does not have.
        pod = json.loads(_dumped(pod_json(verdict)))
        self.write(yaml.dump([pod], Dumper=dumper, sort_keys=False, allow_unicode=True, width=4096))

    def end(self, _tally: Tally) -> None:
        """Close the document."""
        if self.empty:
            self.write("pods: []\n")


def _dumped(value: Any) -> str:
    try:
        return json.dumps(value, default=str, allow_nan=False)
    except ValueError:
        # JSON has no .nan and no .inf, which a YAML file may give where a number is wanted.
        return json.dumps(json.loads(json.dumps(value, default=str), parse_constant=str))
