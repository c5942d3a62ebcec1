"""`ecirun diff`: two effective security contexts side by side."""

from __future__ import annotations

from typing import Any

import click

from ecirun.api.bench import Bench
from ecirun.api.planning import image_facts
from ecirun.cli import options as shared
from ecirun.cli import streams
from ecirun.cli.judging import bench_of, judged
from ecirun.errors import UsageError
from ecirun.image.place import default_store
from ecirun.image.store import find_image
from ecirun.plan.effective import Entry, effective_context, pod_context
from ecirun.plan.facts import ImageFacts
from ecirun.policy.load import load_policy
from ecirun.record import Record
from ecirun.report.context_diff import Part, compared, differing, parts_json, parts_text
from ecirun.report.verdict import Verdict
from ecirun.spec.pod import Container, Pod

SAME, DIFFERENT = 0, 1
BARE = "none"


class Side(Record):
    """One of the two: the pod, its verdict, and who judged it."""

    pod: Pod
    verdict: Verdict
    bench: Bench

    @property
    def title(self) -> str:
        """The pod, its file and its judge."""
        by = "bare Kubernetes" if not self.bench.policy.judges else self.bench.policy.name
        return f"{self.verdict.kind} {self.verdict.name} ({self.verdict.mark}) under {by}: {self.verdict.word}"


@click.command("diff")
@click.argument("first", metavar="A")
@click.argument("second", metavar="[B]", required=False)
@click.option("--bare", is_flag=True, help="Compare A under bare Kubernetes with A under the policy.")
@click.option("--all", "everything", is_flag=True, help="Show what is the same, too.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="The format.")
@shared.policy
@click.option("--policy-b", default="", metavar="NAME|FILE", help="Another policy for B.")
@shared.admission
@shared.allowed_unsafe_sysctls
@shared.validate
@shared.unsupported
@shared.writable_root
@shared.store
def command(first: str, second: str | None, **given: Any) -> int:
    """Show in what the pods of A and B differ once everything is decided: users, capabilities, sysctls, root.

    A and B are SPECs (a file, `-`, or example:NAME); the first pod of each is taken. With --bare or --policy-b, B may be left
    out: then one pod is compared under two sets of rules. Containers are matched by name.

    Exit codes: 0 they are the same, 1 they differ.
    """
    if second is None and not (given["bare"] or given["policy_b"]):
        raise UsageError("Can't compare one pod with nothing", hint="give a second SPEC, --bare or --policy-b")
    bench = bench_of(given, load_policy(given["policy"]))
    left, right = bench, bench
    if given["bare"]:
        left = bench._replace(policy=load_policy(BARE))
    if given["policy_b"]:
        right = bench._replace(policy=load_policy(given["policy_b"]))
    sides = _side(first, left), _side(second or first, right)
    parts = _parts(*sides, store=given["store"] or default_store())
    shown = parts if given["everything"] else differing(parts)
    heads = sides[0].title, sides[1].title
    differ = bool(differing(parts))
    text = parts_json(heads, shown) if given["output"] == "json" else parts_text(heads, shown, same=not shown)
    streams.out(text, end="")
    return DIFFERENT if differ else SAME


def _side(spec: str, bench: Bench) -> Side:
    for reading, verdict in judged(spec, bench):
        if reading.pod is not None:
            return Side(reading.pod, verdict, bench)
    raise UsageError(f"Can't compare {spec}: it holds no object that could be read as a pod", hint="see `ecirun check`")


def _parts(first: Side, second: Side, *, store: str) -> list[Part]:
    ours, theirs = _containers(first.pod), _containers(second.pod)
    return [
        compared("pod", _whole(first), _whole(second)),
        *(
            compared(f"container {name}", _context(first, ours.get(name), store), _context(second, theirs.get(name), store))
            for name in dict.fromkeys((*ours, *theirs))
        ),
    ]


def _whole(side: Side) -> dict[str, Entry]:
    stage = f" by {side.verdict.stage}" if side.verdict.stage else ""
    return {"verdict": Entry(f"{side.verdict.word}{stage}"), **pod_context(side.pod, side.bench.policy)}


def _containers(pod: Pod) -> dict[str, Container]:
    return {container.name: container for container in (*pod.init_containers, *pod.containers)}


def _context(side: Side, container: Container | None, store: str) -> dict[str, Entry]:
    if container is None:
        return {}
    image = find_image(container.image, store)
    facts = image_facts(image) if image is not None else ImageFacts(container.image, "", "", present=False)
    options = side.bench.options
    context = effective_context(side.pod, container, side.bench.policy, facts, writable_root=options.writable_root)
    return dict(context)
