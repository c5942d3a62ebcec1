"""`ecirun doctor`: whether pods can run here."""

from __future__ import annotations

import click

from ecirun.cli import options as shared
from ecirun.image.place import default_store
from ecirun.policy.load import load_policy

READY, NOT_READY = 0, 1


@click.command("doctor")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="The format.")
@shared.policy
@shared.store
def command(output: str, policy: str, store: str) -> int:
    """Try everything that a pod needs of this machine, and say what is missing and how to get it.

    Exit codes: 0 pods can run here, 1 something that is needed is missing.
    """
    from ecirun.doctor import examine
    from ecirun.doctor.report import as_json, is_ready, lines, verdict

    found = []
    for finding in examine(load_policy(policy), store or default_store()):
        found.append(finding)
        if output == "text":
            for line in lines([finding]):
                click.echo(line)
    click.echo(as_json(found) if output == "json" else verdict(found), nl=output == "text")
    return READY if is_ready(found) else NOT_READY
