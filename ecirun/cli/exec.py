"""`ecirun exec`: a further program in a running container."""

from __future__ import annotations

import click

from ecirun.cli import options as shared
from ecirun.cli.pod_name import ContainerName, PodName, container_named
from ecirun.errors import UsageError
from ecirun.runtime import control, lost


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
    lost.clean_up_lost_pods(shared.warner(quiet=quiet))
    record = control.find(pod)
    end = control.connect(pod)
    if record.state:
        container = container_named(record, container, shared.speaker(quiet=quiet))
    request = {"container": container, "argv": list(tail), "terminal": tty}
    return control.ForegroundExec(end, request, stdin=stdin).run().exit_code
