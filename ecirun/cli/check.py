"""`ecirun check`: judge pods, run nothing."""

from __future__ import annotations

from typing import Any

import click

from ecirun.cli import options as shared
from ecirun.cli.judging import judge_spec, say_findings
from ecirun.errors import EcirunError, SpecUnreadable
from ecirun.policy.load import load_policy
from ecirun.report.machine import verdicts_json
from ecirun.report.text import verdict_text
from ecirun.report.verdict import Verdict

ADMITTED, REFUSED, UNREADABLE = 0, 1, 2


@click.command("check")
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="The format.")
@shared.policy
@shared.validate
@shared.unsupported
@shared.writable_root
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors on stderr.")
def command(specs: tuple[str, ...], **given: Any) -> int:
    """Judge the pods of each SPEC (a file, `-`, or example:NAME) by ECI's rules; needs no root.

    What is wrong goes to stderr, one verdict per pod to stdout.

    Exit codes: 0 every pod is admitted, 1 at least one is refused, 2 a SPEC cannot be read or the usage is wrong.
    """
    exit_code = ADMITTED
    verdicts: list[Verdict] = []
    try:
        policy = load_policy(given["policy"])
    except EcirunError as error:
        shared.say_error(error)
        return UNREADABLE
    for spec in specs:
        try:
            judged = judge_spec(spec, given, policy)
        except SpecUnreadable as error:
            shared.say_error(error)
            exit_code = UNREADABLE
            continue
        for _reading, verdict in judged:
            verdicts.append(verdict)
            exit_code = max(exit_code, ADMITTED if verdict.stage is None else REFUSED)
            if given["output"] == "text":
                say_findings(verdict, quiet=given["quiet"])
                click.echo(verdict_text(verdict, policy.name))
    if given["output"] == "json":
        click.echo(verdicts_json(verdicts, policy.name), nl=False)
    return exit_code
