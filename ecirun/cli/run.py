"""`ecirun run`: create the pod, stream, exit with the workload's code, clean up."""

from __future__ import annotations

import os
from math import isfinite

from ecirun.api.host import explaining
from ecirun.cli import options as shared
from ecirun.cli import streams
from ecirun.cli.command import Argument, Command, CommandLine, Given, Option
from ecirun.cli.status_file import StatusFile
from ecirun.errors import EcirunError, UsageError
from ecirun.plan.model import PodPlan
from ecirun.runtime import client, privileges, state
from ecirun.runtime.client import Reservation
from ecirun.runtime.launching import Launcher

TYPE_CHECKING = False  # see ecirun.record
if TYPE_CHECKING:
    from typing import Any

    import click

LONGEST = 1_000_000_000  # seconds; some 30 years, and well within what poll(2) takes


def _seconds() -> click.ParamType[Any]:
    import click

    class Seconds(click.FloatRange):
        """A number of seconds that a timer can take."""

        def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float:
            number: float = super().convert(value, parameter, context)
            if not isfinite(number) or number > LONGEST:
                self.fail(f"{number:g} is not a number of seconds up to {LONGEST:,}", parameter, context)
            return number

    return Seconds(min=0)


def _file() -> click.ParamType[Any]:
    import click

    return click.Path(dir_okay=False)


def _megabytes() -> click.ParamType[Any]:
    import click

    return click.IntRange(min=1)


OPTIONS = (
    Option("-c", "--container", metavar="NAME", help="The container to run (default: the first)."),
    Option("--name", metavar="NAME", help="The pod's name on this machine (default: metadata.name)."),
    Option("-i", "--stdin", flag=True, help="Give the workload this command's standard input."),
    Option("-t", "--tty", flag=True, help="Give the workload a terminal."),
    Option("-d", "--detach", flag=True, help="Leave the pod running in the background, and print its name."),
    shared.beside,
    shared.volume,
    shared.network,
    shared.sysctls,
    shared.policy,
    shared.admission,
    shared.allowed_unsafe_sysctls,
    shared.validate,
    shared.unsupported,
    shared.writable_root,
    shared.store,
    Option("--timeout", kind=_seconds, default=0, metavar="SECONDS", help="Kill the workload after this long."),
    Option("--status-file", kind=_file, default=None, metavar="FILE", help="Write how it ended as one JSON object."),
    Option("--log-max", kind=_megabytes, default=20, metavar="MIB", help="How much of each container's log to keep."),
    Option("--dry-run", flag=True, help="Show every step of the launch, and launch nothing."),
    Option("-q", "--quiet", flag=True, help="Say nothing but errors."),
    Option("-v", "--verbose", flag=True, help="Say each step as it happens."),
)


def run(given: Given, line: CommandLine) -> int:
    """Run the pod of SPEC (a file, `-`, or example:NAME) as ECI would.

    What follows `--` replaces the container's command.

    Exit codes: the workload's own, 128+n when signal n ended it, 127 command not found, 126 command found but not executable,
    125 ecirun itself failed and nothing ran.
    """
    status = StatusFile(given["status_file"])
    try:
        with explaining():
            return _run(line, given, status)
    except EcirunError as error:
        status.write(phase=status.phase, error=type(error).__name__, message=error.message)
        raise


def _run(line: CommandLine, given: Given, status: StatusFile) -> int:
    if given["detach"] and (given["stdin"] or given["tty"] or given["timeout"]):
        raise UsageError(
            "Can't detach a pod with -i, -t or --timeout: nobody is there for them",
            hint="leave out -d, or use `ecirun exec -it`",
        )
    ahead = None if given["detach"] else line.launcher
    launcher = ahead or Launcher(shared=given["detach"])
    try:
        if line.decided is not None and ahead is not None:
            with Reservation(launcher, line.decided.all_containers[0].groundwork()) as reservation:
                return _launch(reservation, line.decided, given, status)
        return _decide_and_launch(launcher, line, given, status)
    finally:
        launcher.close()
        state.remove_if_empty()


def _decide_and_launch(launcher: Launcher, line: CommandLine, given: Given, status: StatusFile) -> int:
    from ecirun.plan.mounts import usual_groundwork
    from ecirun.policy.load import load_policy

    policy = load_policy(given["policy"])
    usual = usual_groundwork(policy)
    if not launcher.ready and os.geteuid() == 0 and not given["dry_run"]:
        # It starts, and makes a sandbox, while this process reads the spec.
        launcher.start()
        launcher.ask(usual)
    from ecirun.cli.deciding import decide

    with Reservation(launcher, usual) as reservation:
        plan = decide(reservation, policy, line, given, status)
        return _describe(plan) if given["dry_run"] else _launch(reservation, plan, given, status)


def _describe(plan: PodPlan) -> int:
    from ecirun.runtime.describe import all_steps

    for number, text in enumerate(all_steps(plan), 1):
        streams.out(f"{number:3}. {text}")
    return 0


def _launch(reservation: Reservation, plan: PodPlan, given: Given, status: StatusFile) -> int:
    from ecirun.runtime import lost, places

    status.phase = "launch"
    say = streams.speaker(quiet=given["quiet"])
    privileges.check_privileges(plan, privileges.check_host()["CapBnd"])
    lost.clean_up_lost_pods(streams.warner(quiet=given["quiet"]))
    if plan.scratch:
        places.sweep_scratch(os.path.dirname(plan.scratch))
    how = client.Options(
        focus=given["container"] or plan.containers[0].name,
        stdin=given["stdin"],
        verbose=given["verbose"],
        timeout=given["timeout"],
        detached=given["detach"],
        log_limit=given["log_max"] * 2**20,
    )
    if given["detach"]:
        client.launch_detached(reservation, plan, how, say)
        status.write(phase="running", pod=plan.name)
        streams.out(plan.name)
        return 0
    outcome = client.ForegroundPod(reservation, plan, how, say).run()
    status.write(phase="exited", pod=plan.name, exit_code=outcome.exit_code, signal=outcome.signal, timed_out=outcome.timed_out)
    return outcome.exit_code


command = Command("run", Argument("spec", "SPEC", complete=shared.spec_name), OPTIONS, run)
