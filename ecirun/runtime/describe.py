"""Every step of a launch as prose, for `--dry-run`."""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.plan.model import PodPlan
from ecirun.runtime import shadow
from ecirun.runtime.container_steps import steps_in_group, steps_in_tree
from ecirun.runtime.pod_steps import pod_steps
from ecirun.runtime.sandbox_steps import sandbox_steps
from ecirun.runtime.stage_steps import stage_steps
from ecirun.runtime.tree_steps import tree_steps


def all_steps(plan: PodPlan) -> Iterator[str]:
    """One line for each step, in the order of the launch: the process of the first container is made ahead."""
    several = len(plan.all_containers) > 1
    for step in sandbox_steps():
        yield step.describe()
    for number, container in enumerate(plan.all_containers):
        where = f"[{container.name}] " if several else ""
        for inside in stage_steps(container.groundwork()):
            yield where + inside.describe()
        for entered in steps_in_group():
            yield where + entered.describe()
        if number == 0:
            for own in pod_steps(plan):
                yield own.describe()
        for made in tree_steps(container, shadow.shadowed(plan.sysctls)):
            yield where + made.describe()
        for later in steps_in_tree(container.process(), container.groundwork()):
            yield where + later.describe()
