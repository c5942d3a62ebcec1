"""`ecirun ps`: the pods of this machine."""

from __future__ import annotations

import click

from ecirun.cli import options as shared
from ecirun.report.pods import Listed, pods_json, pods_text
from ecirun.runtime import lost, state


@click.command("ps")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="The format.")
@click.option("-q", "--quiet", is_flag=True, help="Names only.")
def command(output: str, quiet: bool) -> int:
    """List the pods: those that run, and detached ones that have ended and were not removed."""
    lost.clean_up_lost_pods(shared.warner())
    records = [record for record in (state.read(state.STATE, name) for name in state.names()) if record]
    pods = [Listed(record.name, record.alive, record.state) for record in records]
    if output == "json":
        click.echo(pods_json(pods), nl=False)
    elif quiet:
        for pod in pods:
            click.echo(pod.name)
    else:
        click.echo(pods_text(pods), nl=False)
    return 0
