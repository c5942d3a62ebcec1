"""`ecirun stats`: what pods use of cpu and memory."""

from __future__ import annotations

import json
import time
from typing import Any

import click

from ecirun.cli import streams
from ecirun.cli.pod_name import PodName
from ecirun.report.usage import usage_text
from ecirun.runtime import control, lost, state
from ecirun.runtime.usage import Usage, usage_of

INTERVAL = 1.0  # seconds
CLEAR = "\x1b[H\x1b[2J"  # the terminal: to the upper left corner, and erase


@click.command("stats")
@click.argument("pods", metavar="[POD]...", nargs=-1, type=PodName())
@click.option("-f", "--follow", is_flag=True, help="Show it anew every second, until Ctrl-C.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="The format.")
def command(pods: tuple[str, ...], follow: bool, output: str) -> int:
    """Show what the containers of each POD (default: all that run) use: cpu over the last second, memory, processes."""
    lost.clean_up_lost_pods(streams.warner())
    before = _measure(pods)
    while True:
        time.sleep(INTERVAL)
        now = _measure(pods)
        rows = [_row(usage, before.get(key)) for key, usage in now.items()]
        if output == "json":
            streams.out(json.dumps({"schema_version": 1, "containers": rows}, indent=2))
        else:
            streams.out((CLEAR if follow else "") + usage_text(rows), end="")
        if not follow:
            return 0
        before = now


def _measure(pods: tuple[str, ...]) -> dict[tuple[str, str], Usage]:
    measured = {}
    for name in pods or state.names():
        record = control.find(name) if pods else state.read(state.STATE, name)
        for entry in record.state.get("containers", ()) if record and record.alive else ():
            if entry["pid"]:
                measured[name, entry["name"]] = usage_of(name, entry)
    return measured


def _row(usage: Usage, before: Usage | None) -> dict[str, Any]:
    row = {**usage._asdict(), "cpu_percent": usage.percent_since(before)}
    del row["moment"]
    return row
