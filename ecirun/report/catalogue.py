"""The rules of a policy, and of the API, as text, JSON and Markdown."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence

from ecirun.policy.load import Policy
from ecirun.spec.rules import Rule

WIDTH = 100


def policy_text(policy: Policy, others: Iterable[str]) -> str:
    """What the policy allows, for a person; ends in a newline."""
    lines = [f"{policy.name}: {policy.title}", policy.source, ""]
    addable = [name for name in policy.capabilities_addable if name not in policy.capabilities_ticket_only]
    rows = [
        ("sysctls", " ".join(policy.sysctls_allowed)),
        ("except", " ".join(policy.sysctls_refused)),
        ("default capabilities", " ".join(policy.capabilities_default)),
        ("capabilities to add", " ".join(addable)),
        ("by ticket only", " ".join(policy.capabilities_ticket_only)),
        ("masked", " ".join(policy.masked_paths)),
        ("read-only", " ".join(policy.read_only_paths)),
    ]
    for label, text in rows:
        lines += _entry(label, text or "none", 24)
    lines += ["", *rule_lines(policy.rules.values())]
    rest = [name for name in others if name != policy.name]
    lines += ["", "ecirun explain RULE says more about each."]
    if rest:
        lines.append(f"Other policies: {', '.join(rest)} (--policy NAME, or a file of your own).")
    return "\n".join(lines) + "\n"


def rule_lines(rules: Iterable[Rule]) -> list[str]:
    """Each rule in a line or two."""
    lines = []
    for rule in rules:
        lines += _entry(rule.id, f"{rule.summary} ({rule.certainty})", 36)
    return lines


def policy_json(policy: Policy) -> str:
    """The whole policy; ends in a newline."""
    fields = policy._asdict() | {"rules": [rule._asdict() for rule in policy.rules.values()]}
    return json.dumps({"schema_version": 1, "policy": policy.name, **fields}, indent=2) + "\n"


def policy_markdown(policy: Policy) -> str:
    """A table with one row per rule of the policy; ends in a newline."""
    return rules_markdown(policy.rules.values())


def rules_markdown(rules: Iterable[Rule]) -> str:
    """A table with one row per rule; ends in a newline."""
    lines = ["| rule | field | allowed | why | what to do | source |", "| --- | --- | --- | --- | --- | --- |"]
    for rule in rules:
        fields = "<br>".join(f"`{field}`" for field in rule.fields)
        allowed = ", ".join(entry.replace("*", "\\*") if " " in entry else f"`{entry}`" for entry in rule.allowed)
        why = f"{rule.summary}. {rule.reason}"
        cells = (f"`{rule.id}`", fields, allowed, why, rule.remedy, f"{rule.certainty}: {rule.source}")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def rule_text(rule: Rule) -> str:
    """One rule in full; ends in a newline."""
    lines = [rule.id, *_wrapped(f"{rule.summary}.", "  "), ""]
    if rule.fields != ("*",):
        lines += _entry("field", "\n".join(rule.fields), 12)
    if rule.allowed:
        lines += _entry("allowed", ", ".join(rule.allowed), 12)
    for label, text in (
        ("why", rule.reason),
        ("what to do", rule.remedy),
        ("source", rule.source),
        ("certainty", rule.certainty),
    ):
        lines += _entry(label, text, 12)
    return "\n".join(lines) + "\n"


def rules_json(rules: Sequence[Rule], policy: str) -> str:
    """Rules for programs; ends in a newline."""
    return json.dumps({"schema_version": 1, "policy": policy, "rules": [rule._asdict() for rule in rules]}, indent=2) + "\n"


def _entry(label: str, text: str, width: int) -> list[str]:
    """A label and its text, which may have several lines and is wrapped under its own beginning."""
    head = f"  {label:<{width}}"
    lines = []
    for part in text.split("\n"):
        lines += _wrapped(part, head)
        head = " " * len(head)
    return lines


def _wrapped(text: str, head: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False, break_on_hyphens=False
    )
