"""`ecirun ps`: the pods of this machine."""

from __future__ import annotations

import click

from ecirun.cli import streams
from ecirun.report.pods import Listed, pods_json, pods_text
from ecirun.runtime import lost, state


@click.command("ps")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="The format.")
@click.option("-q", "--quiet", is_flag=True, help="Names only.")
def command(output: str, quiet: bool) -> int:
    """List the pods: those that run, and detached ones that have ended and were not removed."""
    lost.clean_up_lost_pods(streams.warner())
    records = [record for record in (state.read(state.STATE, name) for name in state.names()) if record]
    pods = [Listed(record.name, record.alive, record.state) for record in records]
    if output == "json":
        streams.out(pods_json(pods), end="")
    elif quiet:
        for pod in pods:
            streams.out(pod.name)
    else:
        streams.out(pods_text(pods), end="")
    return 0
