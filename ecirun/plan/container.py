"""One container's plan."""

from __future__ import annotations

from collections.abc import Mapping

from ecirun.errors import ImageBroken, LaunchFailed, ReferenceMissing
from ecirun.plan.capabilities import after_exec, granted, origin_of
from ecirun.plan.command import NoCommand, command_of
from ecirun.plan.environment import environment_of
from ecirun.plan.facts import ImageFacts
from ecirun.plan.identity import Account, UserUnknown, group_of, supplementary_groups, user_of
from ecirun.plan.model import Command, ContainerPlan, RestartPolicy, Role, User, Volume
from ecirun.plan.mounts import DEVICES, container_mounts, root_of
from ecirun.plan.non_root import depends_on_image, verify_non_root
from ecirun.plan.references import Surroundings
from ecirun.plan.resources import limits_of
from ecirun.plan.stop_signal import stop_signal_notes, stop_signal_of
from ecirun.policy.load import Policy
from ecirun.record import Record
from ecirun.spec.pod import Container, Pod, SecurityContext


class ContainerOptions(Record):
    """What the command line chose for this container. `command` replaces the spec's."""

    role: Role
    restart_policy: RestartPolicy
    command: tuple[str, ...] | None = None
    terminal: bool = False
    writable_root: bool = False


def plan_container(
    pod: Pod,
    container: Container,
    policy: Policy,
    image: ImageFacts,
    volumes: tuple[Volume, ...],
    declared: Mapping[str, Volume],
    around: Surroundings,
    hostname: str,
    options: ContainerOptions,
) -> tuple[ContainerPlan, tuple[str, ...]]:
    """The plan, and warnings. Raises LaunchFailed, ImageBroken or PodRefused for what cannot be planned."""
    verify_non_root(pod, container, image)
    user, entry = _user(pod, container, image)
    group = group_of(pod, container, entry)
    context = container.security_context
    try:
        own = environment_of(container, around)
    except ReferenceMissing as error:
        raise LaunchFailed(
            f'Can\'t start container "{container.name}": {error.message}', step="environment", hint=error.hint
        ) from None
    terminal = options.terminal or container.tty

    def command(replaced_by: tuple[str, ...] | None) -> Command:
        return command_of(container, image, entry, own, hostname, replaced_by=replaced_by, terminal=terminal)

    try:
        planned = command(options.command)
    except NoCommand as error:
        if image.present:
            raise ImageBroken(
                f'Can\'t start container "{container.name}": {error}', hint="set command in the spec, or give one after --"
            ) from None
        planned = command(("(the image's command)",))
    # Without a policy the root is what Kubernetes makes of it: writable, unless the container says otherwise.
    writable = (options.writable_root or not policy.judges) and context.read_only_root_filesystem is not True
    mounts = container_mounts(container, volumes, declared, own.values, read_only_root=not writable)
    profile, profile_origin = _seccomp(pod, context)
    plan = ContainerPlan(
        name=container.name,
        image=image.reference,
        image_digest=image.digest,
        user=user,
        group=group,
        supplementary_groups=supplementary_groups(pod, group, entry, image),
        capabilities=after_exec(granted(context, policy.capabilities_default), user.uid),
        capabilities_origin=origin_of(context, policy.capabilities_default),
        no_new_privs=context.allow_privilege_escalation is False,
        no_new_privs_origin=("default" if context.allow_privilege_escalation is None else "container allowPrivilegeEscalation"),
        seccomp="RuntimeDefault" if profile == "RuntimeDefault" else "Unconfined",
        seccomp_origin=profile_origin,
        root=root_of(image, mounts, planned.cwd, writable=writable),
        mounts=mounts,
        devices=DEVICES,
        masked_paths=tuple(policy.masked_paths),
        read_only_paths=tuple(policy.read_only_paths),
        command=planned,
        umask="0022",
        stop_signal=stop_signal_of(container, image),
        assumptions=_assumptions(pod, container, image),
        notes=(*_notes(user.uid, context), *stop_signal_notes(container, image)),
        role=options.role,
        restart_policy=options.restart_policy,
        limits=limits_of(container),
        termination_message_path=container.termination_message_path,
        shared_processes=pod.share_process_namespace,
        termination_message_policy=container.termination_message_policy,
    )
    return _with_actions(plan, container), own.warnings


def _seccomp(pod: Pod, context: SecurityContext) -> tuple[str, str]:
    """The type of the seccomp profile, and where it is from. Kubernetes' default is none, unless SeccompDefault is set."""
    if context.seccomp_profile is not None:
        return context.seccomp_profile, "container seccompProfile"
    if pod.security_context.seccomp_profile is not None:
        return pod.security_context.seccomp_profile, "pod seccompProfile"
    return "Unconfined", "default"


def _with_actions(plan: ContainerPlan, container: Container) -> ContainerPlan:
    probes = (container.startup_probe, container.liveness_probe, container.readiness_probe)
    hooks = container.lifecycle
    if not any(probes) and not hooks:
        return plan
    from ecirun.plan.actions import hook_of, probe_of

    startup, liveness, readiness = (probe_of(probe, container) for probe in probes)
    return plan._replace(
        startup_probe=startup,
        liveness_probe=liveness,
        readiness_probe=readiness,
        post_start=hook_of(hooks.post_start, container) if hooks else None,
        pre_stop=hook_of(hooks.pre_stop, container) if hooks else None,
    )


def _user(pod: Pod, container: Container, image: ImageFacts) -> tuple[User, Account | None]:
    try:
        return user_of(pod, container, image)
    except UserUnknown as error:
        if not image.readable:
            raise ImageBroken(
                f'Can\'t find the user of container "{container.name}": the root of image {image.reference} cannot be read',
                hint="run as root, or set runAsUser",
            ) from None
        raise ImageBroken(f'Can\'t find the user of container "{container.name}": {error}', hint="set runAsUser") from None


def _assumptions(pod: Pod, container: Container, image: ImageFacts) -> tuple[str, ...]:
    if not image.readable:
        return (
            f"the root of image {image.reference} cannot be read: assumed no /etc/passwd, and that all directories are there",
        )
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
