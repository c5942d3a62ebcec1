"""`ecirun rm`: forget pods that have ended."""

from __future__ import annotations

import click

from ecirun.cli import options as shared
from ecirun.cli.pod_name import PodName
from ecirun.errors import EcirunError, NotRunning, PodNotFound
from ecirun.runtime import control, lost, state


@click.command("rm")
@click.argument("pods", metavar="POD...", nargs=-1, required=True, type=PodName())
@click.option("-f", "--force", is_flag=True, help="End a pod that runs, without grace; one that is not there is fine.")
def command(pods: tuple[str, ...], force: bool) -> int:
    """Remove each POD that has ended, with its state and its logs."""
    lost.clean_up_lost_pods(lambda text: shared.speaker(quiet=False)(f"warning: {text}"))
    for pod in pods:
        try:
            record = control.find(pod)
        except PodNotFound:
            if force:
                continue
            raise
        if record.alive and not force:
            raise EcirunError(f'Can\'t remove pod "{pod}": it runs', hint=f"stop it with `ecirun stop {pod}`, or add -f")
        if record.alive:
            _kill(pod)
        state.remove_folder(f"{state.STATE}/{pod}")
        click.echo(pod)
    state.remove_if_empty()
    return 0


def _kill(pod: str) -> None:
    try:
        end = control.connect(pod)
    except NotRunning:
        return
    control.stop(end, 0)
    # The supervisor's end is the end of its lock, and only then the folder is nobody's.
    control.until_gone(end)
