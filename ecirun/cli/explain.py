"""`ecirun explain`: why a rule is there, and which rules a field has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import click

from ecirun.cli import options as shared
from ecirun.cli import streams
from ecirun.errors import UsageError
from ecirun.policy.admission.outcome import admission_rules
from ecirun.policy.load import load_policy
from ecirun.report.catalogue import rule_text, rules_json
from ecirun.spec import spec_rules
from ecirun.spec.effects import ACTED_ON, lack_of_effect
from ecirun.spec.rules import Rule
from ecirun.spec.schema import types


@click.command("explain")
@click.argument("what", metavar="RULE|FIELD")
@shared.policy
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="The format.")
def command(what: str, policy: str, output: str) -> int:
    """Explain a RULE that a finding names, or the rules of a FIELD such as capabilities.add."""
    chosen = load_policy(policy)
    rules = {**spec_rules(), **chosen.rules}
    # Admission is off unless it is asked for, and so are its rules, but by name.
    every = {**rules, **admission_rules()}
    found = [every[what]] if what in every else rules_of_field(rules, what) or rules_named_like(rules, what)
    found = found or rules_of_field(every, what) or rules_named_like(every, what)
    if not found:
        raise UsageError(f'Can\'t explain "{what}": {_why_not(what)}', hint=_hint(every, what))
    if output == "json":
        streams.out(rules_json(found, chosen.name), end="")
    else:
        streams.out("\n".join(rule_text(rule) for rule in found), end="")
    return 0


def rules_of_field(rules: Mapping[str, Rule], field: str) -> list[Rule]:
    """The rules about `field`: a whole path, or any run of its parts; indices do not matter."""
    wanted = _parts(field)
    return [rule for rule in rules.values() if any(_has_run(_parts(path), wanted) for path in rule.fields)]


def rules_named_like(rules: Mapping[str, Rule], word: str) -> list[Rule]:
    """The rules with the word in their id or, as the beginning of a part, in one of their field paths."""
    wanted = word.lower()
    return [
        rule
        for rule in rules.values()
        if wanted and (wanted in rule.id or any(part.startswith(wanted) for path in rule.fields for part in _parts(path)))
    ]


def _parts(path: str) -> list[str]:
    parts = [re.sub(r"\[.*?\]", "", part) for part in path.lower().split(".") if part]
    # In the template of a workload a pod's fields have the same rules.
    while "template" in parts:
        parts = parts[parts.index("template") + 1 :]
    return parts


def _has_run(path: Sequence[str], wanted: Sequence[str]) -> bool:
    if not wanted:
        return False
    return any(path[start : start + len(wanted)] == wanted for start in range(len(path)))


def _why_not(what: str) -> str:
    holders = _holders(what)
    if holders:
        return f"it is a field of {', '.join(holders[:3])}{' and others' if len(holders) > 3 else ''}, and no rule is about it"
    return "it is no rule and no field that a rule is about"


def _hint(rules: Mapping[str, Rule], what: str) -> str:
    from difflib import get_close_matches

    acting = [holder for holder in _holders(what) if holder in ACTED_ON]
    if acting:
        why = lack_of_effect(acting[0], _name(what))
        return f"mind that it has no effect here: {why}" if why else "use it as in a cluster: ecirun carries it out"
    parts = {part for rule in rules.values() for path in rule.fields for part in re.sub(r"\[.*?\]", "", path).split(".")}
    near = get_close_matches(what, [*rules, *parts], n=1)
    return f"did you mean {near[0]}?" if near else "run `ecirun policy` for the rules"


def _holders(field: str) -> list[str]:
    """The types that have such a field."""
    return sorted(kind for kind, fields in types().items() if _name(field) in fields)


def _name(field: str) -> str:
    return re.sub(r"\[.*?\]", "", field).rpartition(".")[2]
