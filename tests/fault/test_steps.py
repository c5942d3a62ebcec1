"""Every step of a launch dies or fails once, by its name; new steps are covered as soon as they are there."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from host import host_snapshot, pod_processes, settled_host_snapshot
from running import run_ecirun

from ecirun.api.judging import plan as planned
from ecirun.errors import EcirunError
from ecirun.linux import cgroup
from ecirun.plan.model import PodPlan
from ecirun.runtime import client, groups, lost
from ecirun.runtime.container_steps import steps_in_group, steps_in_tree
from ecirun.runtime.launching import Launcher
from ecirun.runtime.pod_steps import pod_steps
from ecirun.runtime.sandbox_steps import sandbox_steps
from ecirun.runtime.shadow import shadowed
from ecirun.runtime.stage_steps import stage_steps
from ecirun.runtime.tree_steps import tree_steps

ERRNOS = ("ENOSPC", "EMFILE", "ENOMEM", "EINTR", "ENODEV")

# A pod with something of every kind, so that no step is missing.
SPEC: dict[str, Any] = {
    "securityContext": {
        "fsGroup": 1000,
        "sysctls": [{"name": "net.ipv4.tcp_syn_retries", "value": "4"}, {"name": "vm.min_free_kbytes", "value": "9000"}],
    },
    "volumes": [{"name": "disk", "emptyDir": {}}, {"name": "ram", "emptyDir": {"medium": "Memory"}}],
    "containers": [
        {
            "name": "main",
            "image": "busybox",
            "command": ["true"],
            "volumeMounts": [{"name": "disk", "mountPath": "/disk"}, {"name": "ram", "mountPath": "/ram"}],
        }
    ],
}
VARIANTS: dict[str, Any] = {"bridge": {}, "none": {"shareProcessNamespace": True}}  # by the network


def plan_of(variant: str) -> PodPlan:
    """The plan of the pod; the second variant has a terminal."""
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "test"}, "spec": {**SPEC, **VARIANTS[variant]}}
    plan = planned(document, network=variant)  # type: ignore[arg-type]
    (container,) = plan.containers
    command = container.command._replace(terminal=variant == "none")
    return plan._replace(containers=(container._replace(command=command),))


def steps_of(plan: PodPlan) -> list[str]:
    """The names of all steps of a launch, in the order of their lists."""
    (container,) = plan.containers
    steps = [
        *sandbox_steps(),
        *stage_steps(container.groundwork()),
        *steps_in_group(),
        *pod_steps(plan),
        *tree_steps(container, shadowed(plan.sysctls)),
        *steps_in_tree(container.process(), container.groundwork()),
    ]
    return list(dict.fromkeys(step.name for step in steps))


def all_cases() -> list[Any]:
    variants = {step: variant for variant in reversed(VARIANTS) for step in steps_of(plan_of(variant))}
    kinds = {step: ("kill", ERRNOS[at % len(ERRNOS)]) for at, step in enumerate(variants)}
    return [pytest.param(variants[step], step, kind, id=f"{step}-{kind}") for step in variants for kind in kinds[step]]


@pytest.fixture(scope="module")
def launcher(host_stays_as_it_is_in_the_end: None) -> Iterator[Launcher]:
    launcher = Launcher()
    launcher.start()
    yield launcher
    launcher.close()


def what_becomes_of(plan: PodPlan, launcher: Launcher, fault: tuple[str, str]) -> str:
    """How `ecirun run` of a plan ends, in this process."""
    launcher.fault = fault
    try:
        with client.Reservation(launcher, plan.containers[0].groundwork()) as reservation:
            pod = client.ForegroundPod(reservation, plan, client.Options(focus="main"), lambda _text: None)
            return f"exit code {pod.run().exit_code}"
    except EcirunError as error:
        return error.message


@pytest.fixture(autouse=True)
def host_stays_as_it_is() -> None:
    """What is quickly looked at is, after each case; the whole host is, after the last."""


@pytest.fixture(scope="module", autouse=True)
def host_stays_as_it_is_in_the_end() -> Iterator[None]:
    before = host_snapshot()
    yield
    assert settled_host_snapshot(before) == before


def left_behind(launcher: Launcher) -> list[str]:
    """Interfaces, control groups, folders, volumes and processes of pods."""
    known = cgroup.hierarchies()
    parents = [f"{hierarchy.folder}/ecirun" for hierarchy in (*known, *cgroup.other_hierarchies(known))]
    found = [str(path) for pattern in ("sys/class/net/eci*", "run/ecirun/*") for path in Path("/").glob(pattern)]
    processes = [command for pid, (command, _namespaces) in pod_processes().items() if pid != launcher.pid]
    volumes = os.path.join(os.environ["ECIRUN_STORE"], "volumes")
    return [*found, *filter(os.path.exists, [*parents, volumes]), *processes]


@pytest.mark.sandbox
@pytest.mark.parametrize(("variant", "step", "kind"), all_cases())
def test_a_step_that_fails_or_dies(variant: str, step: str, kind: str, launcher: Launcher):
    said = what_becomes_of(plan_of(variant), launcher, (step, kind))
    if kind == "kill":
        assert said == "exit code 137" or said.startswith("Can't ")
    else:
        assert said.startswith("Can't ")
        assert os.strerror(getattr(errno, kind)) in said
    # One that lives says how its pod ended before it has put everything away. Whatever one that was killed has left, the next
    # command and the next launcher take away.
    deadline = time.monotonic() + 10
    while (found := left_behind(launcher)) and time.monotonic() < deadline:
        if kind == "kill":
            lost.clean_up_lost_pods(lambda _text: None)
            groups.sweep_all()
        time.sleep(0.01)
    assert found == []


@pytest.mark.sandbox
def test_after_all_that_the_next_pod_runs(pod_file):
    assert run_ecirun("run", "--network", "bridge", pod_file(), "--", "echo", "fine") == (0, "fine\n", "")
