"""`ecirun admission`: what a cluster checks before ECI, and ECI's rules for a cluster."""

from __future__ import annotations

import json

import click

from ecirun.cli import options as shared
from ecirun.cli import streams
from ecirun.errors import UsageError
from ecirun.policy.admission.load import DATA, POLICY, STANDARD, gate_names, load_gates, policy_names
from ecirun.policy.admission.outcome import admission_rules
from ecirun.policy.admission.standards import NEWEST, checks_of
from ecirun.policy.admission.standards.gate import StandardGate, minor_of
from ecirun.policy.load import load_policy
from ecirun.report.catalogue import rule_lines, rules_json, rules_markdown
from ecirun.spec.rules import Rule


@click.group("admission")
def command() -> None:
    """What a cluster checks when a pod is created, before ECI sees it; `check`, `plan` and `run` take it as --admission.

    \b
    pss:LEVEL[@VERSION]  Pod Security Standards: privileged, baseline, restricted; as of v1.N, or the latest
    psp:NAME             a PodSecurityPolicy that ecirun brings, such as ACK's own ack.privileged
    kubelet              the kubelet's rule about unsafe sysctls (--allowed-unsafe-sysctls names what may pass)
    namespaces           the pod-security labels of the Namespaces that stand before the pods in the input
    FILE                 a manifest with PodSecurityPolicies or with Namespaces that have such labels

    Of several PodSecurityPolicies the first by name that takes the pod unchanged is chosen, or else the first by name that
    takes it at all; the pod then goes on as the policy changed it. A pod without metadata.namespace counts to the one Namespace
    that is given, or else to "default". A workload is judged as the pods that it would make.
    """


@command.command("ls")
@click.option(
    "-o", "--output", type=click.Choice(["text", "json", "md"]), default="text", show_default=True, help="The format."
)
def ls(output: str) -> int:
    """List the names that --admission takes, and the rules by which the stage finds."""
    rules = list(admission_rules().values())
    if output == "json":
        streams.out(rules_json(rules, "admission"), end="")
    elif output == "md":
        streams.out(rules_markdown(rules), end="")
    else:
        streams.out("names: " + ", ".join(gate_names()) + f"\nPod Security Standards: v1.0 to v1.{NEWEST}\n")
        streams.out("\n".join(rule_lines(rules)))
        streams.out("\necirun explain RULE says more about each.")
    return 0


@command.command("show")
@click.argument("name", metavar="NAME")
def show(name: str) -> int:
    """Print a PodSecurityPolicy that ecirun brings (psp:NAME), or the checks of a standard (pss:LEVEL[@VERSION])."""
    if name.startswith(POLICY):
        load_gates([name])
        with open(f"{DATA}/{name.removeprefix(POLICY)}.yaml", encoding="utf-8") as stream:
            streams.out(stream.read(), end="")
        return 0
    if not name.startswith(STANDARD):
        names = ", ".join((*(f"{POLICY}{policy}" for policy in policy_names()), f"{STANDARD}LEVEL[@VERSION]"))
        raise UsageError(f'Can\'t show "{name}"', hint=f"choose one of {names}")
    gate = load_gates([name]).all[0]
    assert isinstance(gate, StandardGate)
    rules: list[Rule] = [
        admission_rules()[check.rule] for check, _forbids in checks_of(gate.wanted.level, minor_of(gate.wanted.version))
    ]
    streams.out("\n".join(rule_lines(rules)) if rules else "nothing is forbidden")
    return 0


@command.command("export")
@click.option("--format", "form", type=click.Choice(["vap"]), default="vap", show_default=True, help="What to make.")
@shared.policy
@shared.unsupported
@shared.writable_root
@click.option(
    "--label",
    default="",
    metavar="KEY=VALUE",
    help="Judge only pods that have this label, such as alibabacloud.com/eci=true, in a cluster that has nodes of its own too.",
)
@click.option("-o", "--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True, help="The format.")
def export(form: str, policy: str, unsupported: str, writable_root: bool, label: str, output: str) -> int:
    """Write ECI's rules as a ValidatingAdmissionPolicy with its binding, for `kubectl apply -f -`.

    The cluster (Kubernetes v1.30 or newer) then refuses, for pods and for every kind that holds a pod template, what ECI would
    refuse later.

    Limits: only what `check` calls an error is in it, not its warnings. A refusal names the rule and not the value, because a
    message that is put together costs more than the check. The cost of an expression is bounded: a pod with some hundred
    sysctls may be refused for that alone, since each is compared with each. Pods are judged when they are created, workloads
    when they change too. The API's own rules are left to the API server.
    """
    from ecirun.policy.admission.vap.manifest import binding_object, manifest, policy_object

    chosen = load_policy(policy)
    if not chosen.judges:
        raise UsageError(f"Can't export policy {chosen.name}: it has no rules", hint="choose one of ECI's policies")
    if label and ("=" not in label or "'" in label):
        raise UsageError(f'Can\'t select by label "{label}"', hint="write --label KEY=VALUE")
    strict = unsupported == "refuse"
    if output == "json":
        objects = [
            policy_object(chosen, unsupported=strict, writable_root=writable_root, label=label),
            binding_object(chosen),
        ]
        streams.out(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, indent=2))
    else:
        streams.out(manifest(chosen, unsupported=strict, writable_root=writable_root, label=label), end="")
    return 0
