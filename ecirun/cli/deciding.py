"""`ecirun run`, from its words to the plan: read the spec, judge it, look up what it needs, decide."""

from __future__ import annotations

import os

from ecirun.api.planning import plan_pod
from ecirun.cli import decided, streams
from ecirun.cli.beside import Beside, claims_of
from ecirun.cli.command import CommandLine, Given
from ecirun.cli.judging import admitted_pod
from ecirun.cli.options import plan_options
from ecirun.cli.sources import EXAMPLE, STDIN
from ecirun.cli.status_file import StatusFile
from ecirun.cli.transfer_progress import ShownProgress
from ecirun.image.obtain import must_ask
from ecirun.image.place import default_store
from ecirun.image.store import find_image
from ecirun.plan.model import PodPlan
from ecirun.plan.uid import new_uid
from ecirun.policy.load import Policy, policy_names
from ecirun.runtime import privileges
from ecirun.runtime.client import Reservation
from ecirun.spec.pod import Pod


def decide(reservation: Reservation, policy: Policy, line: CommandLine, given: Given, status: StatusFile) -> PodPlan:
    """The plan. What there is to say of the pod is said. Raises what keeps it from being launched."""
    store = given["store"] or default_store()
    inputs, said = _inputs(line, given, store), streams.said
    say = streams.speaker(quiet=given["quiet"])
    beside = Beside()
    pod = admitted_pod(given["spec"], given, policy, beside.learn, say_warnings=not given["quiet"])
    beside.read(given["beside"])
    beside.refuse_broken()
    if not given["dry_run"]:
        privileges.check_root()  # nor is an image made for a pod that cannot run
    status.phase = "plan"
    options = plan_options(given, line.tail)._replace(
        foreground=not given["detach"], uid=new_uid(), scratch=os.path.join(os.path.abspath(store), "volumes")
    )
    plan = plan_pod(
        pod,
        policy,
        options,
        store,
        objects=beside.objects,
        claims=claims_of(given["volume"]),
        must_run=not given["dry_run"],
        progress=ShownProgress(quiet=given["quiet"]),
        look=reservation.probe if reservation.launcher.ready else None,
    )
    for warning in plan.warnings:
        say(f"warning: {warning}")
    if inputs is not None and streams.said == said and _is_the_same_next_time(pod, plan, store):
        decided.keep(line.words, inputs, plan)
    return plan


def _inputs(line: CommandLine, given: Given, store: str) -> decided.Inputs | None:
    """What `decided` has to know; None where a plan depends on more than that."""
    if line.launcher is None or given["detach"] or given["beside"] or given["volume"] or given["admission"]:
        return None
    if given["spec"] == STDIN or given["spec"].startswith(EXAMPLE) or given["policy"] not in policy_names():
        return None
    try:
        return decided.inputs_of(line.words, store, given["spec"])
    except (OSError, ValueError):
        return None


def _is_the_same_next_time(pod: Pod, plan: PodPlan, store: str) -> bool:
    """Whether no registry need be asked for its images, and no value of the host's has gone into it."""
    for container in (*pod.init_containers, *pod.containers):
        image = find_image(container.image, store)
        if image is None or must_ask(image, container.image, container.image_pull_policy):
            return False
    mounts_images = any(volume.kind == "image" for volume in plan.volumes)
    return not mounts_images and all(sysctl.scope == "pod" for sysctl in plan.sysctls)
