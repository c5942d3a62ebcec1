"""`ecirun policy`: what is allowed."""

from __future__ import annotations

import click

from ecirun.cli import options as shared
from ecirun.policy.load import load_policy, policy_names
from ecirun.report.catalogue import policy_json, policy_markdown, policy_text


@click.command("policy")
@shared.policy
@click.option(
    "-o", "--output", type=click.Choice(["text", "json", "md"]), default="text", show_default=True, help="The format."
)
def command(policy: str, output: str) -> int:
    """Show what the policy allows, rule by rule."""
    chosen = load_policy(policy)
    if output == "json":
        text = policy_json(chosen)
    elif output == "md":
        text = policy_markdown(chosen)
    else:
        text = policy_text(chosen, policy_names())
    click.echo(text, nl=False)
    return 0
