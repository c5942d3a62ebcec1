"""`ecirun policy`: what is allowed."""

from __future__ import annotations

import click

from ecirun.cli import options as shared
from ecirun.cli import streams
from ecirun.policy.load import load_policy, policy_names
from ecirun.report.catalogue import policy_json, policy_markdown, policy_text

SAME, DIFFERENT = 0, 1


@click.group("policy", invoke_without_command=True)
@shared.policy
@click.option(
    "-o", "--output", type=click.Choice(["text", "json", "md"]), default="text", show_default=True, help="The format."
)
@click.pass_context
def command(context: click.Context, policy: str, output: str) -> int:
    """Show what the policy allows, rule by rule."""
    if context.invoked_subcommand is not None:
        return 0
    chosen = load_policy(policy)
    if output == "json":
        text = policy_json(chosen)
    elif output == "md":
        text = policy_markdown(chosen)
    else:
        text = policy_text(chosen, policy_names())
    streams.out(text, end="")
    return 0


@command.command("diff")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="The format.")
def diff(first: str, second: str, output: str) -> int:
    """Show what policy B allows that A does not, and the other way round; each is a name or a file.

    Exit codes: 0 they allow the same, 1 they differ.
    """
    from ecirun.report.policy_diff import changes_json, changes_text, policy_changes

    one, other = load_policy(first), load_policy(second)
    changes = policy_changes(one, other)
    show = changes_json if output == "json" else changes_text
    streams.out(show(one, other, changes), end="")
    return DIFFERENT if changes else SAME
