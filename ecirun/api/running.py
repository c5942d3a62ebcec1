"""Running pods from Python."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from ecirun.api.again import Repeated
from ecirun.api.bench import Unsupported
from ecirun.api.host import explaining
from ecirun.api.judging import Judges, admit, options_of, plan_admitted
from ecirun.api.launchers import launcher
from ecirun.api.line import Line
from ecirun.api.pods import Pod, Source, one_pod
from ecirun.api.running_pod import RunningPod
from ecirun.api.sysctls import remembered
from ecirun.api.words import Word
from ecirun.plan.model import NetworkMode, PodPlan
from ecirun.plan.mounts import usual_groundwork
from ecirun.plan.sysctls import SysctlMode
from ecirun.policy.load import DEFAULT, load_policy
from ecirun.runtime import client, control, privileges, state
from ecirun.runtime.places import Places


def run(
    pod: Pod | Source,
    *,
    command: Sequence[Word] | None = None,
    container: str = "",
    name: str = "",
    policy: str = DEFAULT,
    unsupported: Unsupported = "refuse",
    admission: Sequence[str] = (),
    allowed_unsafe_sysctls: Sequence[str] = (),
    network: NetworkMode = "loopback",
    sysctls: SysctlMode = "shadow",
    writable_root: bool = False,
    store: str = "",
    volumes: Mapping[str, Word] | None = None,
    beside: Iterable[Source] = (),
    detach: bool = False,
) -> RunningPod:
    """Run a pod (or the first one of a source) and return when its containers run.

    `command` replaces the command of `container` (default: the first); the pod then runs once and ends with it. `name` is the
    pod's on this machine; by default it is the pod's own with something unique. The pod ends with the `with` block, or with
    this program, unless `detach`. `volumes` maps claims of persistent volumes to folders, `beside` are sources of ConfigMaps
    and Secrets. The other options are those of `ecirun run`.

    Raises SpecUnreadable; PodRefused with the findings; UsageError; ImageNotFound or ImageBroken; HostUnsupported, when this
    process may not run pods; PodNameTaken; LaunchFailed, CommandNotFound or CommandNotExecutable, and then nothing runs.

    >>> with ecirun.run("example:network") as pod:
    ...     pod.exec(["ip", "link", "set", "lo", "down"]).stderr
    'ip: SIOCSIFFLAGS: Operation not permitted\\n'
    """
    __tracebackhide__ = True
    with explaining():
        read = one_pod(pod, beside=beside)
        options = options_of(command, container, name or _unique(read), network, sysctls, writable_root)._replace(
            foreground=not detach
        )
        admitted, warnings = admit(read, Judges(policy, unsupported, writable_root, admission, allowed_unsafe_sysctls))
        privileges.check_root()
        usual = usual_groundwork(load_policy(policy))
        shared = launcher(detached=detach)
        with client.Reservation(shared, usual) as reservation:
            look = remembered(reservation.probe)
            repeated = Repeated()
            plan = plan_admitted(
                admitted,
                read.objects,
                options,
                policy=policy,
                store=store,
                volumes=volumes,
                must_run=True,
                look=look,
                build=repeated.build,
            )
            privileges.check_privileges(plan, shared.bounding)
            how = client.Options(detached=detach, keeps_joiners=True)
            sandbox, places = client.launch(reservation, plan, how, {}, repeated.common)
        running = RunningPod(
            plan,
            Line(sandbox.end, plan.name),
            detached=detach,
            default=container or plan.containers[0].name,
            on_free=lambda line: shared.give_back(line, sandbox.groundwork),
        )
        for warning in (*warnings, *plan.warnings):
            running._line.note(warning)
        _wait_for_start(running, places)
        return running


def _unique(pod: Pod) -> str:
    return f"{pod.name[:240]}-{os.urandom(5).hex()}"


def _wait_for_start(pod: RunningPod, places: Places) -> None:
    __tracebackhide__ = True
    try:
        pod._until_started()
    except BaseException:
        pod._detached = False
        pod.close()
        places.remove_scratch()  # there is none unless the supervisor died
        raise
    places.forget()


def attach(name: str) -> RunningPod:
    """A pod that runs already, such as one that `ecirun run -d` started; it goes on when this program ends.

    Raises PodNotFound or NotRunning.

    >>> with ecirun.run(ecirun.pod()) as pod, ecirun.attach(pod.name) as same:
    ...     same.exec(["hostname"]).stdout
    'pod\\n'
    """
    __tracebackhide__ = True
    import json

    from ecirun.plan.model import from_plain

    line = Line(control.connect(name), name)
    if line.status() is None:
        line.close()
        control.connect(name)  # it was about to go when it was connected to: this raises
    # A supervisor that answers has written the plan.
    with open(f"{state.STATE}/{name}/plan.json", encoding="utf-8") as file:
        plan: PodPlan = from_plain(PodPlan, json.load(file))
    return RunningPod(plan, line, detached=True, default=plan.containers[0].name)
