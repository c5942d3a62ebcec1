"""`ecirun plan`: the effective security context, and where each value comes from."""

from __future__ import annotations

import json
from typing import Any

import click

from ecirun.api.planning import plan_pod
from ecirun.cli import options as shared
from ecirun.cli import streams
from ecirun.cli.beside import Beside, claims_of
from ecirun.cli.judging import admitted_pod
from ecirun.cli.spec_name import SpecName
from ecirun.image.place import default_store
from ecirun.image.progress import SILENT
from ecirun.plan.model import UNKNOWN_YET
from ecirun.policy.load import load_policy
from ecirun.report.plan_text import plan_text


@click.command("plan")
@click.argument("spec", metavar="SPEC", type=SpecName())
@click.option("-c", "--container", default="", metavar="NAME", help="The container to plan (default: the first).")
@click.option("--name", default="", metavar="NAME", help="The pod's name on this machine (default: metadata.name).")
@click.option("-t", "--tty", is_flag=True, help="Plan for a terminal.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="The format.")
@shared.beside
@shared.volume
@shared.network
@shared.sysctls
@shared.policy
@shared.admission
@shared.allowed_unsafe_sysctls
@shared.validate
@shared.unsupported
@shared.writable_root
@shared.store
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors on stderr.")
@click.pass_context
def command(context: click.Context, /, **given: Any) -> int:
    """Show what the pod of SPEC would run as; needs no root.

    What follows `--` replaces the container's command.
    """
    policy = load_policy(given["policy"])
    beside = Beside()
    pod = admitted_pod(given["spec"], given, policy, beside.learn, say_warnings=not given["quiet"])
    beside.read(given["beside"])
    beside.refuse_broken()
    tail = context.obj.tail if context.obj else None
    options = shared.plan_options(given, tail)._replace(uid=UNKNOWN_YET)
    store = given["store"] or default_store()
    plan = plan_pod(
        pod,
        policy,
        options,
        store,
        objects=beside.objects,
        claims=claims_of(given["volume"]),
        must_run=False,
        progress=SILENT,
    )
    text = json.dumps(plan.as_json(), indent=2) + "\n" if given["output"] == "json" else plan_text(plan.without_secrets())
    streams.out(text, end="")
    return 0
