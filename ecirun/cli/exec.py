"""`ecirun exec`: a further program in a running container."""

from __future__ import annotations

import click

from ecirun.cli import options as shared
from ecirun.cli.pod_name import ContainerName, PodName
from ecirun.errors import UsageError
from ecirun.runtime import control


@click.command("exec")
@click.argument("pod", metavar="POD", type=PodName(), is_eager=True)
@click.option("-c", "--container", default="", metavar="NAME", type=ContainerName(), help="The container (default: the first).")
@click.option("-i", "--stdin", is_flag=True, help="Give the program this command's standard input.")
@click.option("-t", "--tty", is_flag=True, help="Give the program a terminal.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
@click.pass_context
def command(context: click.Context, pod: str, container: str, stdin: bool, tty: bool, quiet: bool) -> int:
    """Execute what follows `--` in a container of the pod POD, as the container's own user and with its capabilities.

    Exit codes: the program's own, 128+n when signal n ended it, 127 not found, 126 found but not executable, 125 the pod or the
    container does not run.
    """
    tail = context.obj.tail if context.obj else None
    if not tail:
        raise UsageError("Can't execute nothing: no command stands after --", hint=f"write: ecirun exec {pod} -- COMMAND")
    record = control.find(pod)
    apps = [entry["name"] for entry in record.state.get("containers", ()) if entry["role"] == "app"]
    if not container and len(apps) > 1:
        shared.speaker(quiet=quiet)(f'defaulted container "{apps[0]}" out of: {", ".join(apps)}')
    end = control.connect(pod)
    request = {"container": container, "argv": list(tail), "terminal": tty}
    return control.ForegroundExec(end, request, stdin=stdin).run().exit_code
