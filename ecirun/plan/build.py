"""Pod + policy + facts → PodPlan."""

from __future__ import annotations

from collections.abc import Sequence

from ecirun.errors import LaunchFailed, PodRefused, UsageError
from ecirun.plan.container import ContainerOptions, plan_container
from ecirun.plan.facts import Facts
from ecirun.plan.impossible import refuse_the_impossible
from ecirun.plan.model import (
    POD_IP,
    RUNS_ONCE,
    ContainerPlan,
    File,
    Network,
    NetworkMode,
    PodPlan,
    RestartPolicy,
    Role,
    Sysctl,
    Volume,
)
from ecirun.plan.mounts import declared_volumes
from ecirun.plan.naming import host_name, hosts, resolv_conf
from ecirun.plan.references import Surroundings
from ecirun.plan.resources import qos_class, size_of
from ecirun.plan.sysctls import SysctlMode, plan_sysctls
from ecirun.plan.unsupported import refuse_unsupported
from ecirun.plan.volumes import plan_volumes
from ecirun.policy.load import Policy
from ecirun.record import Record
from ecirun.spec import names
from ecirun.spec.pod import Container, Pod


class Options(Record):
    """What the command line chose. `command` replaces the command of `container`; empty container means the first.

    `uid` is the pod's, new for each launch; `foreground` is whether somebody waits for the pod's end; `scratch` is the folder
    of the host for volumes on its disk. `lenient` makes a plan to look at: what is missing is assumed, with a warning.
    """

    container: str = ""
    command: tuple[str, ...] | None = None
    name: str = ""
    network: NetworkMode = "loopback"
    sysctls: SysctlMode = "shadow"
    writable_root: bool = False
    terminal: bool = False
    foreground: bool = True
    uid: str = ""
    scratch: str = ""
    lenient: bool = False


def chosen_container(pod: Pod, name: str) -> Container:
    """The container of that name, or the first. Raises LaunchFailed with the names that there are."""
    for container in pod.containers:
        if not name or container.name == name:
            return container
    there = ", ".join(container.name for container in pod.containers)
    raise LaunchFailed(f'Can\'t find container "{name}" in pod "{pod.name}"', hint=f"choose one of: {there}")


def build_plan(pod: Pod, policy: Policy, facts: Facts, options: Options) -> PodPlan:
    """The plan of the pod. Raises UsageError, LaunchFailed, ImageBroken or PodRefused for what cannot be planned."""
    if not policy.judges:
        refuse_the_impossible(pod, writes_to_host=options.sysctls == "host")
    if not options.lenient:
        refuse_unsupported(pod)
    chosen = chosen_container(pod, options.container)
    name = _name(pod, options)
    hostname = host_name(pod)
    network = network_of(options.network)
    sysctls, warnings = plan_sysctls(pod, facts.sysctls, mode=options.sysctls, network=options.network)
    _refuse_strict(sysctls)
    restart_policy, restart_origin = restart_policy_of(pod, options)
    size = size_of(pod)
    around = Surroundings(pod, options.uid, network, size, facts.objects, lenient=options.lenient)
    volumes = plan_volumes(pod, around, facts)
    every = (*pod.init_containers, *pod.containers)
    declared = {container.name: declared_volumes(container, facts.images[container.image]) for container in every}
    files, more = _files(pod, hostname, network, facts.host_dns)
    warnings += more

    def planned(container: Container, role: Role) -> ContainerPlan:
        own = ContainerOptions(
            role=role,
            restart_policy=_restart_policy_for(role, restart_policy),
            command=options.command if container is chosen else None,
            terminal=options.terminal and container is chosen,
            writable_root=options.writable_root,
        )
        image = facts.images[container.image]
        plan, found = plan_container(pod, container, policy, image, volumes, declared[container.name], around, hostname, own)
        warnings.extend(found)
        return plan

    return PodPlan(
        policy=policy.name,
        name=name,
        namespace=pod.namespace,
        hostname=hostname,
        kind=pod.kind,
        file=pod.mark.file,
        network=network,
        sysctls=sysctls,
        volumes=(*volumes, *(volume for by_target in declared.values() for volume in by_target.values())),
        files=files,
        init_containers=tuple(planned(container, _role(container)) for container in pod.init_containers),
        containers=tuple(planned(container, "app") for container in pod.containers),
        grace_period_seconds=pod.termination_grace_period_seconds,
        warnings=(*warnings, *around.warnings),
        uid=options.uid,
        labels=dict(pod.labels),
        annotations=dict(pod.annotations),
        restart_policy=restart_policy,
        restart_origin=restart_origin,
        run_once=chosen.name if options.command is not None else "",
        active_deadline_seconds=pod.active_deadline_seconds,
        subdomain=pod.subdomain or "",
        share_process_namespace=pod.share_process_namespace,
        size=size,
        qos_class=qos_class(pod),
        scratch=_scratch(name, volumes, options),
    )


def renamed(plan: PodPlan, pod: Pod, options: Options) -> PodPlan:
    """The pod's plan for one more launch, with a name, uid and scratch folder of its own. Raises UsageError."""
    name = _name(pod, options)
    return plan._replace(name=name, uid=options.uid, scratch=_scratch(name, plan.volumes, options))


def network_of(mode: NetworkMode) -> Network:
    """How the pod is connected."""
    interfaces = {"loopback": ("lo",), "bridge": ("lo", "eth0"), "none": ()}[mode]
    return Network(mode, interfaces, POD_IP if mode == "bridge" else "127.0.0.1")


def _role(container: Container) -> Role:
    return "sidecar" if container.restart_policy == "Always" else "init"


def restart_policy_of(pod: Pod, options: Options) -> tuple[RestartPolicy, str]:
    """What becomes of containers that ended, and what decided that.

    A command of the user's own runs once. So does a pod in the foreground whose spec does not say anything: Kubernetes would
    take that for Always, but nobody who waits for a command to end means it.
    """
    if options.command is not None:
        return "Never", "command line"
    if pod.restart_policy is not None:
        policy: RestartPolicy = pod.restart_policy  # type: ignore[assignment]
        return policy, "spec restartPolicy"
    return ("Never", RUNS_ONCE) if options.foreground else ("Always", "default")


def _restart_policy_for(role: Role, of_pod: RestartPolicy) -> RestartPolicy:
    if role == "sidecar":
        return "Always"
    return "OnFailure" if role == "init" and of_pod == "Always" else of_pod


def _name(pod: Pod, options: Options) -> str:
    """The pod's name on this machine, which becomes the name of a folder. Raises UsageError."""
    if options.name and names.dns_subdomain(options.name):
        raise UsageError(
            f"Can't name the pod {options.name!r}: a name has lower case letters, digits, - and . only, begins and ends with a "
            "letter or digit, and is no longer than 253 characters",
            hint="choose another --name",
        )
    return options.name or pod.name


def _scratch(name: str, volumes: tuple[Volume, ...], options: Options) -> str:
    """The folder for volumes on the disk, empty where there is none. A pod's name may be as long as a file's: not all of it."""
    if not options.scratch or not any(volume.kind == "directory" for volume in volumes):
        return ""
    return f"{options.scratch}/{name[:200]}-{options.uid[:8]}"


def _files(pod: Pod, hostname: str, network: Network, host_dns: str) -> tuple[tuple[File, ...], list[str]]:
    """The files that the kubelet manages for every container (pkg/kubelet/kubelet_pods.go), and warnings."""
    dns, warnings = resolv_conf(pod, host_dns)
    ends = (File(f"termination-log.{container.name}", "", 0o666) for container in (*pod.init_containers, *pod.containers))
    files = (
        File("hosts", hosts(pod, network), 0o644),
        File("hostname", hostname + "\n", 0o644),
        File("resolv.conf", dns, 0o644),
        *ends,
    )
    return files, warnings


def _refuse_strict(sysctls: Sequence[Sysctl]) -> None:
    refused = [f"{entry.name}: {entry.reason}" for entry in sysctls if entry.scope == "refused"]
    if refused:
        raise PodRefused(
            "Can't give the pod its own sysctl " + "; ".join(refused),
            hint="leave out --sysctls strict to show the value to the workload without effect",
        )
