"""The supervisor: one small process per living pod. It makes a sandbox ahead, runs a pod in it, and cleans up.

    client                              supervisor
                                        1. the sandbox steps; a process that can become a container
    {"launch": …} + plan, streams ───▶  2. the pod's folder, the pod's steps
    {"step": …} with -v           ◀───
    {"terminal"}, {"started"}     ◀───  3. the containers (see `container_process`, `pod_run`)
    {"note"}, {"warning"}         ◀───
    {"signal"}, {"stop"}, {"exec"}───▶
    {"status"}, {"detach"}        ───▶
    {"ended": …} or {"error": …}  ◀───  4. everything is taken away
    {"free": true}                ◀───  5. after a {"forget"}: makes another sandbox, with namespaces of its own, and waits

Others connect to control.sock in the pod's folder and may ask for `exec`, `stop` and `wait`. If the client of a pod that is
not detached goes, the supervisor ends the pod. If the supervisor is killed, the containers die by PDEATHSIG and with them
their PID namespaces; the next ecirun command cleans up after it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal

from ecirun.errors import EcirunError
from ecirun.linux import cgroup, mount, process, sockets, sysctl_probe
from ecirun.linux.sockets import Socket
from ecirun.plan.model import Groundwork, PodPlan, ProcessPlan, decode
from ecirun.runtime import container_process, makeshift, messages, spawning
from ecirun.runtime.container_run import ContainerRun
from ecirun.runtime.container_steps import steps_in_group
from ecirun.runtime.equipment import Equipment, Sandbox, discard
from ecirun.runtime.groups import Groups
from ecirun.runtime.loop import Loop
from ecirun.runtime.messages import Message
from ecirun.runtime.pod_run import SAVE_DELAY, PodRun
from ecirun.runtime.pod_steps import pod_steps
from ecirun.runtime.request import Request
from ecirun.runtime.sandbox_steps import Bench, attach_places, sandbox_steps
from ecirun.runtime.stage_steps import stage_steps
from ecirun.runtime.state import CONTROL
from ecirun.runtime.steps import Fault, run_steps
from ecirun.runtime.zygote import Zygote

READ = os.O_RDONLY | os.O_CLOEXEC
TITLE = "ecirun-supervisor"


def supervise(
    client: Socket,
    groundwork: Groundwork,
    hierarchies: tuple[cgroup.Hierarchy, ...],
    others: tuple[cgroup.Hierarchy, ...],
    fault: Fault,
) -> None:
    """Be a supervisor; never returns. For a new process.

    In `hierarchies` each container has a group; in the `others`, which limit nothing, all of a supervisor's are in one. So they
    find no group of the host's at the top of any hierarchy: root can make a user namespace and mount them there.
    """
    try:
        gc.disable()
        _own_session(client)
        fence = Groups(others)
        zygote = Zygote(fence.new())
        home = _Home(zygote, fence.lock)
        while _Supervisor(client, groundwork, hierarchies, fault, home).run():
            _come_home(home, client)
        zygote.rest()
        fence.remove()
    except Exception as error:
        # A flaw of ecirun's, or a host that has run out of something: whoever waits shall know more than that it died.
        messages.offer(client, {"ended": container_process.error_message(error)})
    finally:
        os._exit(0)


class _Home:
    """What a supervisor keeps from pod to pod: the launcher's mount namespace and the host's network, open, and a zygote.

    `fence` is the lock of the zygote's control group. `last` is the first process of the last pod, probably the next one's too.
    """

    def __init__(self, zygote: Zygote, fence: int) -> None:
        self.mounts = os.open("/proc/self/ns/mnt", READ)
        self.network = os.open("/proc/self/ns/net", READ)
        self.zygote = zygote
        self.fence = fence
        self.last: ProcessPlan | None = None


def _come_home(home: _Home, client: Socket) -> None:
    """Let go of all that the last pod had: what no object closes, and with its mount namespace all of its mounts.

    What namespaces it is still in, the steps of the next sandbox replace.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    process.set_title(TITLE)
    gc.collect()
    kept = (client.fileno(), home.mounts, home.network, home.zygote.end.fileno(), home.fence)
    process.close_all_but((0, 1, 2, *(descriptor for descriptor in kept if descriptor >= 0)))
    process.setns(home.mounts, process.CLONE_NEWNS)


def _own_session(client: Socket) -> None:
    """Nothing ties it to whoever started ecirun: no terminal, no streams, no descriptors."""
    os.setsid()
    process.set_title(TITLE)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    null = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    process.close_all_but((0, 1, 2, client.fileno()))


class _Supervisor:
    """One pod's supervisor."""

    def __init__(
        self, client: Socket, groundwork: Groundwork, hierarchies: tuple[cgroup.Hierarchy, ...], fault: Fault, home: _Home
    ) -> None:
        self.client = client
        self.groundwork = groundwork
        self.hierarchies = hierarchies
        self.fault = fault
        self.home = home
        self.bench = Bench(home.network, Groups(hierarchies))
        self.loop = Loop()
        self.control: Socket | None = None
        self.plan: PodPlan | None = None
        self.plan_text = b""  # the same, until it is recorded
        self.detached = False
        self.waiting: list[Socket] = []
        self.scratch, self.scratch_path = -1, ""
        self.pod: PodRun | None = None
        self.captured = False  # whether the pod's client has its output from the logs
        self.forgotten = False

    def run(self) -> bool:
        """One pod's whole life. Whether the client may have another pod."""
        sandbox: Sandbox | None = None
        failed: Exception | None = None
        try:
            sandbox = self._make_sandbox()
        except (OSError, EcirunError) as error:
            failed = error
        try:
            message, text, descriptors = self._wait_for_launch(failed)
        except OSError as error:  # such as one descriptor too many
            failed, message, text, descriptors = error, {}, b"", ()
        last: Message | None = None
        if message is not None:
            try:
                if failed:
                    raise failed
                assert sandbox is not None
                last = self._run_pod(Request(message, text, descriptors), sandbox)
            except Exception as error:
                # Whatever it is: the host gets back what it lent.
                last = container_process.error_message(error)
                if self.pod is not None:
                    self.pod.abandon()
        return self._clean_up(sandbox, last)

    def _wait_for_launch(self, failed: Exception | None) -> tuple[Message | None, bytes, tuple[int, ...]]:
        """The request for a launch, the plan's text and the descriptors; None when the client is gone."""
        while True:
            message, text, descriptors = messages.receive_with_text(self.client)
            if message is None:
                return None, b"", ()
            if "launch" in message:
                return message["launch"], text, descriptors
            if "probe" in message:
                messages.send(self.client, {"seen": self._look(message["probe"])} if failed is None else {})
            for descriptor in descriptors:
                os.close(descriptor)  # of what came too late for the pod before

    def _make_sandbox(self) -> Sandbox:
        run_steps(sandbox_steps(), self.bench, fault=self.fault)
        self.control = self._listen()
        if self.groundwork.shared_processes:
            # Its procfs is that of pause, which is a process of the pod's: there is none yet.
            return Sandbox(self.bench, self.home.zygote, self.groundwork, None)
        group = self.bench.first_group
        child = container_process.start(self.home.zygote, self.bench.namespaces, self.groundwork, group, self.fault)
        if group is not None:
            cgroup.add(group, child.pid)
        if self.home.last is not None:
            container_process.introduce(child.end, self.home.last, verbose=False, fault=self.fault)
        return Sandbox(self.bench, self.home.zygote, self.groundwork, child, self.home.last)

    def _look(self, paths: list[str]) -> dict[str, tuple[str, str | None]]:
        """What the sandbox's namespaces make of sysctls, and the host's values."""
        fresh = sysctl_probe.look(self.bench.proc, paths)
        own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        process.setns(self.bench.host_network, process.CLONE_NEWNET)
        host = {path: sysctl_probe.host_value(path) for path in paths}
        process.setns(own, process.CLONE_NEWNET)
        os.close(own)
        return {path: (fresh[path], host[path]) for path in paths}

    def _run_pod(self, request: Request, sandbox: Sandbox) -> Message:
        plan, self.plan_text = decode(request.plan), request.plan
        first = plan.all_containers[0].process()
        if sandbox.process is not None and (first != sandbox.expected or request.verbose or request.fault != self.fault):
            container_process.introduce(sandbox.process.end, first, verbose=request.verbose, fault=request.fault)
        self.home.last = first
        self.detached = request.detached
        self.scratch, self.scratch_path = request.scratch, plan.scratch
        folder = self.bench.folder
        assert folder is not None
        folder.take_name(plan.name)
        self.plan = plan
        attach_places(self.bench, request.places, request.place_mounts)
        say = None
        if request.verbose:
            say = self._say
            for made in sandbox_steps():
                say(made.describe())
            for staged in stage_steps(self.groundwork):
                say(staged.describe())
            for entered in steps_in_group():
                say(entered.describe())
        run_steps(pod_steps(plan), self.bench, say, request.fault)
        if plan.network.mode == "bridge":
            from ecirun.runtime import bridge
            from ecirun.runtime.names import NameServer

            NameServer(self.loop, f"{self.bench.state}/{bridge.FOLDER}")
        pod = PodRun(plan, Equipment(plan, request, sandbox, folder, self.loop, self._say), self.loop, self.client)
        self.pod = pod
        self.captured = not request.streams and not request.detached
        if self.bench.proc < 0:
            makeshift.refuse_to_show_processes(plan)
            pod.warn(makeshift.NO_PROC.says)
        pod.begin()
        self.loop.turn()
        # The first container's process is at work meanwhile.
        process.set_title(f"{TITLE} {plan.name}")
        if self.detached or plan.scratch:
            self._record_plan()
        else:
            self.loop.after(SAVE_DELAY, self._record_plan)  # with its state: one that lives for a moment only has no record
        self._hear_from_now_on(pod)
        self.loop.run()
        pod.collect()
        if self.detached and pod.launched:
            self._record_plan()
            pod.save()
        return pod.status.outcome()

    def _record_plan(self) -> None:
        """Write plan.json, once."""
        text, self.plan_text = self.plan_text, b""
        if text and self.plan is not None and self.bench.folder is not None:
            # A full disk costs the record, not the pod.
            with contextlib.suppress(OSError):
                self.bench.folder.write("plan.json", self.plan.recorded(text, self.bench.address).decode())

    def _say(self, text: str) -> None:
        messages.send(self.client, {"step": text})

    def _listen(self) -> Socket:
        assert self.bench.folder is not None
        folder = os.open(self.bench.folder.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return sockets.listen(folder, CONTROL)
        finally:
            os.close(folder)

    def _hear_from_now_on(self, pod: PodRun) -> None:
        assert self.control is not None
        self.loop.on_readable(self.control.fileno(), lambda: self._accept(pod))
        self.loop.on_readable(self.client.fileno(), lambda: self._hear(pod, self.client))
        signal.signal(signal.SIGTERM, lambda _number, _frame: pod.end("Killed"))

    def _accept(self, pod: PodRun) -> None:
        assert self.control is not None
        self._record_plan()  # who connects finds it
        end = sockets.accept(self.control)
        self.loop.on_readable(end.fileno(), lambda: self._hear(pod, end))

    def _hear(self, pod: PodRun, end: Socket) -> None:
        """One message of the client's or of another connection."""
        message, descriptors = messages.receive(end)
        if message is None:
            self.loop.on_readable(end.fileno(), None)
            if end is not self.client:
                end.close()
                self.waiting = [other for other in self.waiting if other is not end]
            elif not self.detached or not pod.launched:
                pod.kill_all()
            return
        try:
            self._obey(pod, end, message, descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _obey(self, pod: PodRun, end: Socket, message: Message, descriptors: tuple[int, ...]) -> None:
        if "exec" in message:
            self._execute(pod, message["exec"], descriptors)
        elif "signal" in message:
            pod.signalled(message["signal"])
        elif "stop" in message:
            messages.offer(end, {"heard": "stop"})
            pod.stop(message["stop"])
        elif "status" in message:
            pod.drain()
            messages.offer(end, {"status": pod.status.as_json(), "asked": message["status"]})
        elif "detach" in message:
            self.detached, self.captured = True, False
            self._record_plan()
            pod.detach()
        if "wait" in message:
            self.waiting.append(end)
        if "forget" in message:
            self.forgotten = True

    def _execute(self, pod: PodRun, request: Message, descriptors: tuple[int, ...]) -> None:
        run = self._running(pod, request.pop("container", ""))
        if isinstance(run, ContainerRun):
            try:
                return run.execute(request, descriptors)
            except OSError as error:
                why = f'Can\'t execute in container "{run.name}": {error.strerror}'
                failed = {"error": "LaunchFailed", "message": why, "step": "exec", "hint": "see what this host has run out of"}
        else:
            failed = {"error": "NotRunning", "message": run, "hint": f"see `ecirun inspect {pod.plan.name}`"}
        status = sockets.adopt(os.dup(descriptors[0]))
        messages.send(status, failed)
        status.close()
        return None

    def _running(self, pod: PodRun, name: str) -> ContainerRun | str:
        """The container to execute in, or why there is none."""
        for run in pod.runs:
            if run.name == name or (not name and run.plan.role == "app"):
                return run if run.is_running else f'Can\'t execute in container "{run.name}": it is not running'
        names = ", ".join(run.name for run in pod.runs)
        return f'Can\'t find container "{name}" in pod "{pod.plan.name}": it has {names}'

    def _clean_up(self, sandbox: Sandbox | None, last: Message | None) -> bool:
        """Give back what the host lent, and only then say how it ended. Whether all is well and another pod may come."""
        if self.bench.pause is not None:
            spawning.send_signal(self.bench.pause.pidfd, signal.SIGKILL)
            os.waitpid(self.bench.pause.pid, 0)
        if not self.captured:
            self.home.zygote.dismiss()
            if self.pod is not None:
                self.pod.kill_keepers()
        self._release()
        if self.scratch >= 0:
            self._remove_scratch()
        for end in self.waiting:
            messages.offer(end, {"ended": last})
        folder = self.bench.folder
        if folder is not None and self.plan is not None and not self.keeps_folder(last):
            if self.captured and last is not None and not self.forgotten:
                self._stay_for_questions(last)
            if not self.keeps_folder(last):
                folder.give_up_name()
        # A zygote made anew is of this pod's namespaces, which no other pod shall see.
        free = self.forgotten and last is not None and "error" not in last and not self.home.zygote.has_rested
        free = free and messages.send(self.client, {"free": True})
        if last is not None and not self.captured:
            messages.send(self.client, {"ended": last})
        if not free:
            self.client.close()
        # The rest is of no interest to anybody, and nobody shall wait for it.
        if folder is not None and not self.keeps_folder(last):
            folder.remove()
        if self.pod is not None:
            self.pod.end_keepers()
        if sandbox is not None and sandbox.process is not None:
            discard(sandbox.process)
        self.bench.groups.remove()
        if folder is not None:
            # Who waits for this process to hang up shall find that nobody holds the folder.
            os.close(folder.lock)
        return free

    def keeps_folder(self, last: Message | None) -> bool:
        """Whether the pod's folder stays: a detached pod that has run is remembered until it is removed."""
        return self.detached and last is not None and "exited" in last

    def _stay_for_questions(self, last: Message) -> None:
        """The client may still ask for the logs and the state of a pod that has ended."""
        if not messages.send(self.client, {"ended": last}):
            return
        while True:
            message, descriptors = messages.receive(self.client)
            if message is None:
                return
            if "forget" in message:
                self.forgotten = True
                return
            for descriptor in descriptors:
                os.close(descriptor)
            if self.pod is None:
                continue
            if "detach" in message:
                self.detached = True
                self._record_plan()
                return self.pod.detach()
            if "status" in message:
                messages.offer(self.client, {"status": self.pod.status.as_json(), "asked": message["status"]})

    def _remove_scratch(self) -> None:
        from ecirun.runtime import places

        for place in self.bench.places.values():
            mount.umount2(place, mount.MNT_DETACH)
        places.remove_scratch(self.scratch, self.scratch_path)

    def _release(self) -> None:
        plan = self.plan
        if plan and (plan.network.mode == "bridge" or any(sysctl.scope == "host" for sysctl in plan.sysctls)):
            from ecirun.runtime import bridge, host_sysctls

            process.setns(self.bench.host_network, process.CLONE_NEWNET)
            for release in (bridge.release, host_sysctls.release):
                try:
                    release(plan.name, self.bench.state)
                except OSError as error:  # how the pod ended is said all the same
                    messages.offer(self.client, {"warning": f"Can't give back what the pod had of the host: {error}"})
