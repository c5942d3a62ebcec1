"""Pod + policy + facts → PodPlan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ecirun.errors import ImageBroken, LaunchFailed, PodRefused, UsageError
from ecirun.plan.capabilities import after_exec, granted
from ecirun.plan.command import NoCommand, command_of
from ecirun.plan.facts import ImageFacts, SysctlFacts
from ecirun.plan.identity import UserUnknown, group_of, supplementary_groups, user_of
from ecirun.plan.model import (
    POD_IP,
    ContainerPlan,
    Network,
    NetworkMode,
    PodPlan,
    RestartPolicy,
    Role,
    Sysctl,
    Volume,
)
from ecirun.plan.mounts import DEVICES, container_mounts, pod_files, pod_volumes, root_of
from ecirun.plan.non_root import depends_on_image, verify_non_root
from ecirun.plan.sysctls import SysctlMode, plan_sysctls
from ecirun.policy.load import Policy
from ecirun.spec import names
from ecirun.spec.pod import Container, Pod, SecurityContext


class Options(NamedTuple):
    """What the command line chose. `command` replaces the command of `container`; empty container means the first.

    `uid` is the pod's, new for each launch; `foreground` is whether somebody waits for the pod's end.
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


def chosen_container(pod: Pod, name: str) -> Container:
    """The container of that name, or the first. Raises LaunchFailed with the names that there are."""
    for container in pod.containers:
        if not name or container.name == name:
            return container
    names = ", ".join(container.name for container in pod.containers)
    raise LaunchFailed(f'Can\'t find container "{name}" in pod "{pod.name}"', hint=f"choose one of: {names}")


def build_plan(
    pod: Pod,
    policy: Policy,
    images: Mapping[str, ImageFacts],
    facts: SysctlFacts | None,
    options: Options,
) -> PodPlan:
    """The plan of the pod. Raises UsageError, LaunchFailed, ImageBroken or PodRefused for what cannot be planned."""
    chosen = chosen_container(pod, options.container)
    name = _name(pod, options)
    hostname = _hostname(pod)
    sysctls, warnings = plan_sysctls(pod, facts, mode=options.sysctls, network=options.network)
    _refuse_strict(sysctls)
    volumes, volume_warnings = pod_volumes(pod)
    network = network_of(options.network)

    def planned(container: Container, role: Role) -> ContainerPlan:
        own = options if container is chosen else options._replace(command=None, terminal=False)
        plan = _plan_container(pod, container, policy, images[container.image], volumes, hostname, own)
        return plan._replace(role=role, restart_policy=restart_policy_of(pod, role, options))

    return PodPlan(
        policy=policy.name,
        name=name,
        namespace=pod.namespace,
        hostname=hostname,
        kind=pod.kind,
        file=pod.mark.file,
        network=network,
        sysctls=sysctls,
        volumes=volumes,
        files=pod_files(pod, hostname, network),
        containers=tuple(planned(container, "app") for container in pod.containers),
        init_containers=tuple(planned(container, "init") for container in pod.init_containers),
        grace_period_seconds=pod.termination_grace_period_seconds,
        warnings=(*warnings, *volume_warnings),
        uid=options.uid,
        labels=dict(pod.labels),
        annotations=dict(pod.annotations),
        restart_policy=restart_policy_of(pod, "app", options),
        run_once=chosen.name if options.command is not None else "",
    )


def network_of(mode: NetworkMode) -> Network:
    """How the pod is connected."""
    interfaces = {"loopback": ("lo",), "bridge": ("lo", "eth0"), "none": ()}[mode]
    return Network(mode, interfaces, POD_IP if mode == "bridge" else "127.0.0.1")


def restart_policy_of(pod: Pod, role: Role, options: Options) -> RestartPolicy:
    """What becomes of a container that ended.

    A command of the user's own runs once. So does a pod in the foreground whose spec does not say anything: Kubernetes would
    take that for Always, but nobody who waits for a command to end means it.
    """
    if options.command is not None:
        return "Never"
    default: RestartPolicy = "Never" if options.foreground else "Always"
    policy: RestartPolicy = pod.restart_policy or default  # type: ignore[assignment]
    return "OnFailure" if role == "init" and policy == "Always" else policy


def _name(pod: Pod, options: Options) -> str:
    """The pod's name on this machine, which becomes the name of a folder. Raises UsageError."""
    if options.name and names.dns_subdomain(options.name):
        raise UsageError(
            f"Can't name the pod {options.name!r}: a name has lower case letters, digits, - and . only, begins and ends with a "
            "letter or digit, and is no longer than 253 characters",
            hint="choose another --name",
        )
    return options.name or pod.name


def _hostname(pod: Pod) -> str:
    """spec.hostname or the pod's name, cut to 63 (pkg/kubelet/kubelet_pods.go, truncatePodHostnameIfNeeded)."""
    return (pod.hostname or pod.name)[:63].rstrip("-.")


def _refuse_strict(sysctls: Sequence[Sysctl]) -> None:
    refused = [f"{entry.name}: {entry.reason}" for entry in sysctls if entry.scope == "refused"]
    if refused:
        raise PodRefused(
            "Can't give the pod its own sysctl " + "; ".join(refused),
            hint="leave out --sysctls strict to show the value to the workload without effect",
        )


def _plan_container(
    pod: Pod,
    container: Container,
    policy: Policy,
    image: ImageFacts,
    volumes: tuple[Volume, ...],
    hostname: str,
    options: Options,
) -> ContainerPlan:
    verify_non_root(pod, container, image)
    try:
        user, entry = user_of(pod, container, image)
    except UserUnknown as error:
        raise ImageBroken(f'Can\'t find the user of container "{container.name}": {error}', hint="set runAsUser") from None
    group = group_of(pod, container, entry)
    context = container.security_context
    sets = after_exec(granted(context, policy.capabilities_default), user.uid)
    terminal = options.terminal or container.tty
    try:
        command = command_of(container, image, entry, hostname, replaced_by=options.command, terminal=terminal)
    except NoCommand as error:
        if image.present:
            raise ImageBroken(
                f'Can\'t start container "{container.name}": {error}', hint="set command in the spec, or give one after --"
            ) from None
        command = command_of(container, image, entry, hostname, replaced_by=("(the image's command)",), terminal=terminal)
    read_only = not options.writable_root
    mounts = container_mounts(container, volumes, read_only)
    return ContainerPlan(
        name=container.name,
        image=image.reference,
        image_digest=image.digest,
        user=user,
        group=group,
        supplementary_groups=supplementary_groups(pod, group, entry, image),
        capabilities=sets,
        no_new_privs=context.allow_privilege_escalation is False,
        no_new_privs_origin=("default" if context.allow_privilege_escalation is None else "container allowPrivilegeEscalation"),
        root=root_of(image, mounts, command.cwd, writable=options.writable_root),
        mounts=mounts,
        devices=DEVICES,
        masked_paths=tuple(policy.masked_paths),
        read_only_paths=tuple(policy.read_only_paths),
        command=command,
        umask="0022",
        stop_signal=image.stop_signal or "SIGTERM",
        assumptions=_assumptions(pod, container, image),
        notes=_notes(user.uid, context),
    )


def _assumptions(pod: Pod, container: Container, image: ImageFacts) -> tuple[str, ...]:
    if image.present:
        return ()
    assumed = [f"image {image.reference} is not in the store: assumed no USER, no /etc/passwd, no ENTRYPOINT and no CMD"]
    if depends_on_image(pod, container):
        assumed.append("runAsNonRoot depends on the image's USER: assumed that it is a uid other than 0, and shown as 0")
    return tuple(assumed)


def _notes(uid: int, context: SecurityContext) -> tuple[str, ...]:
    notes = []
    added, dropped = context.capabilities_add, context.capabilities_drop
    both = [name for name in added if name in dropped]
    if both:
        notes.append(f"added and dropped, so not granted: {' '.join(both)}")
    granted_names = " ".join(name for name in added if name not in dropped)
    if uid != 0 and granted_names:
        if context.allow_privilege_escalation is False:
            rest = "and with no_new_privs no program gives it more"
        else:
            rest = "set-uid programs and programs with file capabilities can take from it"
        notes.append(
            f"{granted_names} {'is' if ' ' not in granted_names else 'are'} added but out of reach for uid {uid}: "
            f"exec leaves every user but root the bounding set only; {rest}"
        )
    notes.append("a device node that the workload makes itself exists but does not open: every mount is nodev")
    return tuple(notes)
