"""`ecirun exec`: a further program in a running container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ecirun.cli import streams
from ecirun.cli.command import Argument, Command, CommandLine, Given, Option
from ecirun.cli.container_name import container_named
from ecirun.errors import UsageError
from ecirun.runtime import control, lost

if TYPE_CHECKING:
    import click


def _pod_name() -> click.ParamType[Any]:
    from ecirun.cli.pod_name import PodName

    return PodName()


def _container_name() -> click.ParamType[Any]:
    from ecirun.cli.pod_name import ContainerName

    return ContainerName()


OPTIONS = (
    Option("-c", "--container", complete=_container_name, metavar="NAME", help="The container (default: the first)."),
    Option("-i", "--stdin", flag=True, help="Give the program this command's standard input."),
    Option("-t", "--tty", flag=True, help="Give the program a terminal."),
    Option("-q", "--quiet", flag=True, help="Say nothing but errors."),
)


def run(given: Given, line: CommandLine) -> int:
    """Execute what follows `--` in a container of the pod POD, as the container's own user and with its capabilities.

    Exit codes: the program's own, 128+n when signal n ended it, 127 not found, 126 found but not executable, 125 the pod or the
    container does not run.
    """
    pod, container = given["pod"], given["container"]
    if not line.tail:
        raise UsageError("Can't execute nothing: no command stands after --", hint=f"write: ecirun exec {pod} -- COMMAND")
    lost.clean_up_lost_pods(streams.warner(quiet=given["quiet"]))
    record = control.find(pod)
    end = control.connect(pod)
    if record.state:
        container = container_named(record, container, streams.speaker(quiet=given["quiet"]))
    request = {"container": container, "argv": list(line.tail), "terminal": given["tty"]}
    return control.ForegroundExec(end, request, stdin=given["stdin"]).run().exit_code


command = Command("exec", Argument("pod", "POD", complete=_pod_name), OPTIONS, run)
