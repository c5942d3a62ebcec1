"""`ecirun schema`: a JSON schema for editors."""

from __future__ import annotations

import json

import click

from ecirun.cli import options as shared
from ecirun.cli import streams
from ecirun.policy.load import load_policy
from ecirun.report.editor_schema import editor_schema


@click.command("schema")
@shared.policy
def command(policy: str) -> int:
    """Write a JSON schema (draft 7) of pods and workloads as the policy takes them.

    An editor with yaml-language-server then underlines what ECI would refuse while it is typed. Write the schema to a file and
    name it at the head of a manifest:

    \b
        # yaml-language-server: $schema=eci-pod.json

    Or validate with any tool that takes a schema. What depends on two fields at once is left to `ecirun check`.
    """
    streams.out(json.dumps(editor_schema(load_policy(policy)), indent=2))
    return 0
