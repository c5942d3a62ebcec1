"""`ecirun stop`: end pods, gently."""

from __future__ import annotations

import click

from ecirun.cli import streams
from ecirun.cli.pod_name import PodName
from ecirun.errors import NotRunning
from ecirun.runtime import control, lost


@click.command("stop")
@click.argument("pods", metavar="POD...", nargs=-1, required=True, type=PodName())
@click.option("--grace", type=click.FloatRange(min=0), metavar="SECONDS", help="Instead of the pod's own grace period.")
def command(pods: tuple[str, ...], grace: float | None) -> int:
    """End each POD: its hooks, its stop signal, and after its grace period the end. One that has ended already is fine."""
    lost.clean_up_lost_pods(streams.warner())
    for pod in pods:
        control.find(pod)
    for pod in pods:
        try:
            control.stop(pod, grace)
        except NotRunning:
            continue
        streams.out(pod)
    return 0
