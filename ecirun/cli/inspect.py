"""`ecirun inspect`: a pod as the Kubernetes API would show it."""

from __future__ import annotations

import json

import click

from ecirun.cli import streams
from ecirun.cli.pod_name import PodName
from ecirun.report.pods import Listed, inspect_json
from ecirun.runtime import control, lost, state


@click.command("inspect")
@click.argument("pod", metavar="POD", type=PodName())
def command(pod: str) -> int:
    """Show the pod POD as JSON: its status as the Kubernetes API has it, and under `ecirun` its plan."""
    lost.clean_up_lost_pods(streams.warner())
    record = control.find(pod)
    try:
        with open(f"{state.STATE}/{pod}/plan.json", encoding="utf-8") as file:
            plan = json.load(file)
    except (OSError, ValueError):
        plan = {}  # the pod is being launched, or its record was cut short
    streams.out(inspect_json(Listed(record.name, record.alive, record.state), plan), end="")
    return 0
