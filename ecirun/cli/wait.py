"""`ecirun wait`: until pods have ended."""

from __future__ import annotations

import click

from ecirun.cli import streams
from ecirun.cli.pod_name import PodName
from ecirun.errors import NotRunning
from ecirun.runtime import control, lost, messages


@click.command("wait")
@click.argument("pods", metavar="POD...", nargs=-1, required=True, type=PodName())
def command(pods: tuple[str, ...]) -> int:
    """Wait until each POD has ended, and print its exit code, or `lost` when its supervisor was killed."""
    lost.clean_up_lost_pods(streams.warner())
    for pod in pods:
        control.find(pod)
    for pod in pods:
        try:
            end = control.connect(pod)
        except NotRunning:
            streams.out(_recorded(pod))
            continue
        messages.send(end, {"wait": True})
        ended = control.wait(end)
        control.until_gone(end)
        streams.out(ended["exited"] if ended and "exited" in ended else _recorded(pod))
    return 0


def _recorded(pod: str) -> str:
    code = control.find(pod).state.get("exit_code")
    return "lost" if code is None else str(code)
