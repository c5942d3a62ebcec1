"""Rules as data: the record, and how a TOML file of them is read.

A rule says what is judged and why; the code that judges it lives in `spec` (the API's own rules, listed in `rules.toml`
beside this file) or in `policy/checks` (ECI's rules, listed in the policy's own file). `ecirun explain` prints the record.
"""

from __future__ import annotations

from typing import Any, Literal

from ecirun.errors import PolicyUnreadable
from ecirun.record import Record

Certainty = Literal["documented", "assumed"]
Stage = Literal["spec", "admission", "policy"]


class Rule(Record):
    """One rule. `source` names the page, kernel document or Kubernetes file that it comes from."""

    id: str
    stage: Stage
    fields: tuple[str, ...]
    summary: str
    reason: str
    remedy: str
    source: str
    certainty: Certainty
    allowed: tuple[str, ...] = ()


KEYS = {"fields", "summary", "reason", "remedy", "source", "certainty", "allowed"}


def rules_from_table(table: Any, stage: Stage, file: str) -> dict[str, Rule]:
    """The rules of a parsed `[rules.ID]` table by id. Raises PolicyUnreadable with the offending rule and key."""
    if not isinstance(table, dict) or not table:
        raise PolicyUnreadable(f"Can't read policy {file}: it has no [rules.ID] tables")
    return {rule_id: _rule(rule_id, entry, stage, file) for rule_id, entry in table.items()}


def _rule(rule_id: str, entry: Any, stage: Stage, file: str) -> Rule:
    where = f"Can't read policy {file}: [rules.{rule_id}]"
    if not isinstance(entry, dict):
        raise PolicyUnreadable(f"{where} is not a table", hint=f"write [rules.{rule_id}] on a line of its own")
    unknown = sorted(set(entry) - KEYS)
    if unknown:
        raise PolicyUnreadable(f'{where}: unknown key "{unknown[0]}"', hint="use only " + ", ".join(sorted(KEYS)))
    for key in ("summary", "reason", "remedy", "source", "certainty"):
        if not isinstance(entry.get(key), str) or not entry[key]:
            raise PolicyUnreadable(f"{where}: {key} must be a string that is not empty", hint=f'add a line such as {key} = "…"')
    if entry["certainty"] not in ("documented", "assumed"):
        raise PolicyUnreadable(
            f'{where}: certainty must be "documented" or "assumed", not "{entry["certainty"]}"',
            hint="write documented for what a page says, else assumed",
        )
    for key in ("fields", "allowed"):
        value = entry.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise PolicyUnreadable(f"{where}: {key} must be a list of strings", hint=f'write it as in {key} = ["a", "b"]')
    if not entry.get("fields"):
        raise PolicyUnreadable(
            f"{where}: fields must name at least one field path", hint='write it as in fields = ["spec.hostNetwork"]'
        )
    return Rule(
        id=rule_id,
        stage=stage,
        fields=tuple(entry["fields"]),
        summary=entry["summary"],
        reason=entry["reason"],
        remedy=entry["remedy"],
        source=entry["source"],
        certainty=entry["certainty"],
        allowed=tuple(entry.get("allowed", ())),
    )
