"""`ecirun rm`: forget pods that have ended."""

from __future__ import annotations

import click

from ecirun.cli import streams
from ecirun.cli.pod_name import PodName
from ecirun.errors import EcirunError, PodNotFound
from ecirun.runtime import control, lost, state


@click.command("rm")
@click.argument("pods", metavar="POD...", nargs=-1, required=True, type=PodName())
@click.option("-f", "--force", is_flag=True, help="End a pod that runs, without grace; one that is not there is fine.")
def command(pods: tuple[str, ...], force: bool) -> int:
    """Remove each POD that has ended, with its state and its logs."""
    lost.clean_up_lost_pods(streams.warner())
    for pod in pods:
        if _remove(pod, force=force):
            streams.out(pod)
    state.remove_if_empty()
    return 0


def _remove(pod: str, *, force: bool) -> bool:
    """Whether there was one to remove."""
    try:
        record = control.find(pod)
    except PodNotFound:
        if force:
            return False
        raise
    if record.alive and force:
        control.kill(pod)
        # A supervisor that was killed has cleaned up nothing.
        lost.clean_up_lost_pods(lambda _text: None)
    if not state.remove_pod(state.STATE, pod):
        raise EcirunError(f'Can\'t remove pod "{pod}": it runs', hint=f"stop it with `ecirun stop {pod}`, or add -f")
    return True
