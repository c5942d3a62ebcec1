"""Collecting what is wrong with one object, and the rules that spec's findings belong to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Literal

from ecirun.spec.field_error import (
    duplicate_value,
    forbidden,
    invalid_value,
    not_found,
    required_value,
    unsupported_value,
)
from ecirun.spec.finding import Finding, Severity
from ecirun.spec.own_table import own_table
from ecirun.spec.rules import Rule, rules_from_table
from ecirun.spec.source import Mark, parent

Validate = Literal["strict", "warn", "ignore"]
STRICTNESS: Mapping[Validate, Severity | None] = {"strict": "error", "warn": "warning", "ignore": None}


@cache
def spec_rules() -> Mapping[str, Rule]:
    """The rules of the API itself by id, from rules.toml."""
    # Only a finding needs the rules, and most pods have none.
    return rules_from_table(own_table(os.path.join(os.path.dirname(__file__), "rules.toml")), "spec", "rules.toml")


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

    def invalid(
        self, path: str, value: Any, *details: str, hint: str, rule: str = "invalid-value", mark: Mark | None = None
    ) -> None:
        """`Invalid value`: one finding for each detail."""
        for detail in details:
            if not self._is_broken(path):
                self.add(rule, path, value, invalid_value(value, detail), hint=hint, mark=mark)

    def required(self, path: str, detail: str = "", *, hint: str = "") -> None:
        """`Required value`."""
        if not self._is_broken(path):
            hint = hint or f"add {path.rpartition('.')[2]}"
            self.add("required-field", path, None, required_value(detail), hint=hint)

    def unsupported(self, path: str, value: Any, supported: Iterable[str], *, hint: str = "") -> None:
        """`Unsupported value`, with the supported ones in Kubernetes' order."""
        if self._is_broken(path):
            return
        words = tuple(supported)
        if not hint:
            from ecirun.spec.schema import nearest

            near = nearest(str(value), words)
            hint = f"did you mean {near}?" if near else "choose one of the supported values"
        self.add("unsupported-value", path, value, unsupported_value(value, words), hint=hint)

    def forbidden(self, path: str, detail: str, *, hint: str = "", value: Any = None) -> None:
        """`Forbidden`."""
        hint = hint or f"remove {path.rpartition('.')[2]}"
        self.add("forbidden-combination", path, value, forbidden(detail), hint=hint)

    def duplicate(self, path: str, value: Any, *, hint: str = "give each its own") -> None:
        """`Duplicate value`."""
        self.add("duplicate-value", path, value, duplicate_value(value), hint=hint)

    def not_found(self, path: str, value: Any, detail: str = "", *, hint: str) -> None:
        """`Not found`."""
        message = not_found(value) + (f": {detail}" if detail else "")
        self.add("not-found", path, value, message, hint=hint)

    def too_long(self, path: str, most: int, *, hint: str) -> None:
        """`Too long`: more than `most` bytes. The value is not shown."""
        self.add("invalid-value", path, None, f"Too long: may not be more than {most} bytes", hint=hint)

    def _is_broken(self, path: str) -> bool:
        """Whether the value at `path`, or one that it is in, had the wrong type."""
        while path and self.broken:
            if path in self.broken:
                return True
            path = parent(path)
        return False

    def where(self, path: str) -> Mark:
        """The place of the value at `path`, or of its nearest parent that is written."""
        while path and path not in self.marks:
            path = parent(path)
        return self.marks.get(path, self.mark)

    def in_file_order(self) -> list[Finding]:
        """All findings as a reader of the file meets them."""
        return sorted(self.found, key=lambda finding: (finding.mark.line, finding.mark.column))
