"""Collecting what is wrong with one object, and the rules that spec's findings belong to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from ecirun.spec.finding import Finding, Severity
from ecirun.spec.rules import Rule, rules_from_table
from ecirun.spec.source import Mark

Validate = Literal["strict", "warn", "ignore"]
STRICTNESS: Mapping[Validate, Severity | None] = {"strict": "error", "warn": "warning", "ignore": None}


@cache
def spec_rules() -> Mapping[str, Rule]:
    """The rules of the API itself by id, from rules.toml."""
    # Only a finding needs the rules, and most pods have none.
    import tomllib

    with open(os.path.join(os.path.dirname(__file__), "rules.toml"), "rb") as stream:
        table = tomllib.load(stream)
    return rules_from_table(table, "spec", "rules.toml")


class Findings:
    """The findings of one object, and the places of all its values by field path."""

    def __init__(self, mark: Mark, validate: Validate) -> None:
        self.mark = mark
        self.validate = validate
        self.marks: dict[str, Mark] = {}
        self.found: list[Finding] = []
        self.broken: set[str] = set()  # paths whose value had the wrong type: nothing more is said about them

    def add(
        self,
        rule: str,
        path: str,
        value: Any,
        message: str,
        *,
        hint: str = "",
        severity: Severity = "error",
        mark: Mark | None = None,
    ) -> None:
        """Note one finding; it stands at `mark`, or where the value at `path` does, or its nearest parent."""
        self.found.append(Finding(spec_rules()[rule], severity, path, value, message, hint, mark or self.where(path)))

    def add_lenient(self, rule: str, path: str, value: Any, message: str, *, hint: str = "", mark: Mark) -> None:
        """Note a finding that `--validate` can turn into a warning or into nothing."""
        severity = STRICTNESS[self.validate]
        if severity is not None:
            self.add(rule, path, value, message, hint=hint, severity=severity, mark=mark)

    def where(self, path: str) -> Mark:
        """The place of the value at `path`, or of its nearest parent that is written."""
        while path and path not in self.marks:
            cut = max(path.rfind("."), path.rfind("["))
            path = path[:cut] if cut > 0 else ""
        return self.marks.get(path, self.mark)

    def in_file_order(self) -> list[Finding]:
        """All findings as a reader of the file meets them."""
        return sorted(self.found, key=lambda finding: (finding.mark.line, finding.mark.column))
