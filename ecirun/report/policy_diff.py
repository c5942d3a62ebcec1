"""What differs between two policies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from ecirun.policy.load import Policy
from ecirun.record import Record

LISTS = (
    ("sysctls allowed", "sysctls_allowed"),
    ("sysctls refused", "sysctls_refused"),
    ("capabilities to add", "capabilities_addable"),
    ("by ticket only", "capabilities_ticket_only"),
    ("default capabilities", "capabilities_default"),
    ("masked", "masked_paths"),
    ("read-only", "read_only_paths"),
)


class Change(Record):
    """One entry of the policy: what the second one no longer has, and what it has in addition."""

    what: str
    removed: tuple[str, ...]
    added: tuple[str, ...]


def policy_changes(first: Policy, second: Policy) -> list[Change]:
    """Every difference, in the order in which policies are written."""
    return list(_changes(first, second))


def _changes(first: Policy, second: Policy) -> Iterator[Change]:
    if first.judges != second.judges:
        yield _single("judges", str(first.judges).lower(), str(second.judges).lower())
    for label, field in LISTS:
        before: Sequence[str] = getattr(first, field)
        after: Sequence[str] = getattr(second, field)
        if set(before) != set(after):
            removed = tuple(entry for entry in before if entry not in after)
            yield Change(label, removed, tuple(entry for entry in after if entry not in before))
    if first.min_free_percent != second.min_free_percent:
        yield _single("vm.min_free_kbytes", f"{first.min_free_percent} %", f"{second.min_free_percent} %")
    for rule in sorted({*first.rules, *second.rules}):
        one, other = first.rules.get(rule), second.rules.get(rule)
        if one is not None and other is not None:
            for field in ("summary", "reason", "remedy", "source", "certainty"):
                before_text, after_text = getattr(one, field), getattr(other, field)
                if before_text != after_text:
                    yield _single(f"{rule}: {field}", before_text, after_text)


def _single(what: str, before: str, after: str) -> Change:
    return Change(what, (before,), (after,))


def changes_text(first: Policy, second: Policy, changes: Sequence[Change]) -> str:
    """The differences for a person; ends in a newline."""
    lines = [f"--- {first.name}: {first.title}", f"+++ {second.name}: {second.title}"]
    if not changes:
        lines.append("they allow the same")
    for change in changes:
        lines += ["", change.what]
        lines += [f"  - {entry}" for entry in change.removed]
        lines += [f"  + {entry}" for entry in change.added]
    return "\n".join(lines) + "\n"


def changes_json(first: Policy, second: Policy, changes: Sequence[Change]) -> str:
    """The differences for a program; ends in a newline."""
    document = {
        "schema_version": 1,
        "policies": [first.name, second.name],
        "changes": [change._asdict() for change in changes],
    }
    return json.dumps(document, indent=2) + "\n"
