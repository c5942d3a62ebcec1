"""Pods that run: their start and end, logs, state, several containers, detaching and attaching, and what refuses them."""

from __future__ import annotations

import logging
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from running import run_ecirun

import ecirun
from ecirun.api import launchers

pytestmark = pytest.mark.sandbox


def containers(*pairs: tuple[str, str], **spec: object) -> dict[str, Any]:
    """A pod with a container for each name and shell script, that runs each once."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "test"},
        "spec": {
            "restartPolicy": "Never",
            "containers": [{"name": name, "image": "busybox", "command": ["sh", "-c", script]} for name, script in pairs],
            **spec,
        },
    }


def refused(call) -> ecirun.EcirunError:
    with pytest.raises(ecirun.EcirunError) as caught:
        call()
    return caught.value


def supervisor_of(pod: ecirun.RunningPod) -> int:
    number = pod.status()["supervisor"]
    assert isinstance(number, int)
    return number


def test_a_pod_runs_as_long_as_its_block():
    with ecirun.run(ecirun.pod(name="test")) as pod:
        assert pod.exec(["hostname"]).stdout == "test\n"
        assert os.path.isdir(f"/run/ecirun/{pod.name}")
    assert not os.path.exists(f"/run/ecirun/{pod.name}")
    pod.close()  # once more does no harm


def test_a_pod_ends_when_its_block_fails():
    with pytest.raises(ZeroDivisionError), ecirun.run(ecirun.pod()) as pod:
        raise ZeroDivisionError
    assert not os.path.exists(f"/run/ecirun/{pod.name}")


def test_a_pod_that_nobody_holds_any_more_ends():
    name = ecirun.run(ecirun.pod()).name
    while os.path.exists(f"/run/ecirun/{name}"):
        os.sched_yield()


def test_a_pod_is_never_taken_for_the_one_before_it():
    """The process of the next container is told ahead who it will probably be: the same as the last one."""
    show = "id -u; echo $WHO; grep -e CapBnd -e Seccomp: /proc/self/status; umask; pwd"
    one = containers(("main", show), securityContext={"runAsUser": 1000, "runAsGroup": 1000})
    one["spec"]["containers"][0] |= {
        "env": [{"name": "WHO", "value": "one"}],
        "securityContext": {"capabilities": {"add": ["NET_ADMIN"]}},
    }
    other = containers(("main", show))
    other["spec"]["containers"][0] |= {
        "env": [{"name": "WHO", "value": "other"}],
        "workingDir": "/tmp",
        "securityContext": {"capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}},
    }
    said = {
        "one": "1000\none\nCapBnd:\t00000000a80435fb\nSeccomp:\t0\n0022\n/\n",
        "other": "0\nother\nCapBnd:\t0000000000000000\nSeccomp:\t2\n0022\n/tmp\n",
    }
    # Often enough that every supervisor has had either before either.
    for who in ["one", "other", "one", "one", "other", "other"] * 4:
        with ecirun.run({"one": one, "other": other}[who]) as pod:
            assert pod.wait(timeout=20) == 0
            assert pod.logs() == said[who]


def test_names_are_unique_unless_they_are_given():
    with ecirun.run(ecirun.pod()) as one, ecirun.run(ecirun.pod()) as two:
        assert one.name != two.name
        assert one.name.startswith("pod-")
    with ecirun.run(ecirun.pod(), name="mine") as pod:
        assert (pod.name, repr(pod)) == ("mine", "<ecirun.RunningPod mine>")
        error = refused(lambda: ecirun.run(ecirun.pod(), name="mine"))
        assert (type(error), error.message) == (
            ecirun.PodNameTaken,
            'Can\'t start pod "mine": a pod of that name runs already',
        )
    ecirun.run(ecirun.pod(), name="mine").close()


def test_a_name_is_free_again_when_its_pod_could_not_start():
    for _ in range(2):
        error = refused(lambda: ecirun.run(ecirun.pod(command=["nope"]), name="mine"))
        assert type(error) is ecirun.CommandNotFound


def test_the_command_may_be_another_one():
    with ecirun.run(ecirun.pod(), command=["sh", "-c", "echo hello; exit 3"]) as pod:
        assert (pod.wait(), pod.logs()) == (3, "hello\n")


def test_the_command_is_for_the_container_that_is_named():
    source = containers(("one", "trap exit TERM; while :; do sleep 0.01; done"), ("two", "echo two; exit 9"))
    with ecirun.run(source, container="two", command=["sh", "-c", "echo other; exit 4"]) as pod:
        assert (pod.wait(), pod.logs()) == (4, "other\n")
        assert pod.logs("one") == ""


def test_the_exit_code_is_that_of_the_first_container_that_failed():
    with ecirun.run(containers(("one", "exit 0"), ("two", "sleep 0.2; exit 5"), ("three", "exit 4"))) as pod:
        assert pod.wait() == 4
        assert pod.wait() == 4
    assert pod.wait() == 4


def test_waiting_may_take_too_long():
    with ecirun.run(ecirun.pod()) as pod:
        with pytest.raises(TimeoutError, match=rf"^pod {pod.name} has not ended after 0\.1 s$"):
            pod.wait(timeout=0.1)
        pod.kill()
        assert pod.wait(timeout=0) == 137


def test_stopping_is_gentle():
    script = "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.01; done"
    with ecirun.run(containers(("main", script))) as pod:
        while pod.logs() != "ready\n":
            os.sched_yield()
        assert pod.stop() == 3
        assert pod.logs() == "ready\nbye\n"


def test_stopping_ends_in_a_kill_when_the_grace_is_over(caplog):
    with ecirun.run(containers(("main", "trap '' TERM; while :; do sleep 0.01; done"))) as pod:
        assert pod.stop(grace=0.1) == 137
        assert pod.stop() == 137
    assert pod.warnings == ["still running 0.1 s after the stop signal: killed"]
    assert caplog.messages == [f"pod {pod.name}: still running 0.1 s after the stop signal: killed"]


def test_killing_leaves_logs_and_state_to_ask_for():
    with ecirun.run(ecirun.pod(command=["sh", "-c", "echo hello; sleep 98765"])) as pod:
        while pod.logs() != "hello\n":
            os.sched_yield()
        pod.kill()
        assert pod.logs() == "hello\n"
        (container,) = pod.status()["containers"]
        assert (pod.status()["phase"], container["state"]["terminated"]["exit_code"]) == ("Failed", 137)


def test_logs_are_of_both_streams_or_one_of_the_container_that_is_named():
    script = "echo out; echo err >&2; printf end"
    with ecirun.run(containers(("one", script), ("two", "echo two"))) as pod:
        pod.wait()
        assert sorted(pod.logs().splitlines()) == ["end", "err", "out"]
        assert pod.logs(stream="stdout") == "out\nend"
        assert pod.logs("one", stream="stderr") == "err\n"
        assert pod.logs("two") == "two\n"


def test_logs_hold_what_was_written_up_to_now():
    with ecirun.run(ecirun.pod(command=["sh", "-c", "while read line; do :; done; sleep 98765"])) as pod:
        for number in range(20):
            pod.exec(["sh", "-c", f"echo {number} >/proc/1/fd/1"]).check()
            assert pod.logs().splitlines()[-1] == str(number)


def test_logs_of_text_that_is_none():
    with ecirun.run(containers(("main", r"printf 'a\377b\n'"))) as pod:
        pod.wait()
        assert pod.logs() == "a\ufffdb\n"


def test_logs_of_before_a_restart():
    script = "echo run $(ls /data | wc -l); touch /data/$(ls /data | wc -l); [ $(ls /data | wc -l) = 2 ] && sleep 98765; exit 1"
    source = containers(("main", script), restartPolicy="OnFailure", volumes=[{"name": "data", "emptyDir": {}}])
    source["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    with ecirun.run(source) as pod:
        while pod.logs() != "run 1\n":
            os.sched_yield()
        assert pod.logs(previous=True) == "run 0\n"


def test_logs_that_there_are_not():
    with ecirun.run(ecirun.pod()) as pod:
        error = refused(lambda: pod.logs(previous=True))
        assert error.message == f'previous terminated container "main" in pod "{pod.name}" not found'
        error = refused(lambda: pod.logs("web"))
        assert (type(error), error.message) == (ecirun.UsageError, f'Can\'t find container "web" in pod "{pod.name}"')
        assert refused(lambda: pod.logs(stream="both")).message == "Can't take stream='both': it is not 'stdout' or 'stderr'"
    for call in (pod.logs, pod.status):
        error = refused(call)
        assert (type(error), error.message) == (ecirun.NotRunning, f'Can\'t ask pod "{pod.name}": it was closed')


def test_the_state_of_every_container():
    init = [{"name": "first", "image": "busybox", "command": ["true"]}]
    with ecirun.run(containers(("one", "sleep 98765"), ("two", "exit 3"), initContainers=init)) as pod:
        while "terminated" not in (status := pod.status())["containers"][2]["state"]:
            os.sched_yield()
        assert (status["name"], status["phase"], status["address"]) == (pod.name, "Running", "127.0.0.1")
        first, one, two = status["containers"]
        assert (first["name"], first["role"], first["state"]["terminated"]["reason"]) == ("first", "init", "Completed")
        assert (one["name"], list(one["state"]), one["ready"], one["restart_count"]) == ("one", ["running"], True, 0)
        assert (two["state"]["terminated"]["exit_code"], two["ready"]) == (3, False)


def test_containers_share_the_pod_s_network():
    listen = "nc -l -p 8080 -e echo hello"
    with ecirun.run(containers(("one", listen), ("two", "sleep 98765"))) as pod:
        result = pod.exec(["sh", "-c", "while ! nc 127.0.0.1 8080 2>/dev/null; do :; done"], container="two", timeout=60)
        assert result.stdout == "hello\n"


def test_run_returns_when_all_containers_run_and_raises_when_one_cannot():
    error = refused(lambda: ecirun.run(containers(("one", "sleep 98765"), ("two", "true"), dnsPolicy="Sometimes")))
    assert type(error) is ecirun.PodRefused
    source = containers(("one", "sleep 98765"), ("two", "true"))
    source["spec"]["containers"][1]["command"] = ["nope"]
    assert type(refused(lambda: ecirun.run(source))) is ecirun.CommandNotFound
    source["spec"]["containers"][1]["command"] = ["/etc"]
    assert type(refused(lambda: ecirun.run(source))) is ecirun.CommandNotExecutable


def test_an_init_container_that_fails_ends_the_pod():
    init = [{"name": "first", "image": "busybox", "command": ["sh", "-c", "echo no; exit 6"]}]
    with ecirun.run(containers(("main", "true"), initContainers=init)) as pod:
        assert (pod.wait(), pod.logs("first")) == (6, "no\n")


def test_an_image_that_is_not_there():
    source = ecirun.pod(image="registry.example/none:1")
    source["spec"]["containers"][0]["imagePullPolicy"] = "Never"
    error = refused(lambda: ecirun.run(source))
    assert type(error) is ecirun.ImageNotFound
    assert '"registry.example/none:1"' in error.message


def test_a_config_map_that_is_not_there():
    source = containers(("main", "true"))
    source["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "none"}}]
    error = refused(lambda: ecirun.run(source))
    assert (type(error), error.message) == (
        ecirun.LaunchFailed,
        'Can\'t start container "main": configmap "none" not found',
    )


def test_config_maps_beside(tmp_path):
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"COLOUR": "red"}}
    source = containers(("main", "echo $COLOUR"))
    source["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "settings"}}]
    with ecirun.run(source, beside=[settings]) as pod:
        assert (pod.wait(), pod.logs()) == (0, "red\n")


def test_folders_for_claims(tmp_path):
    source = containers(("main", "cat /data/note; echo back >/data/answer"))
    source["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "claim"}}]
    source["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    (tmp_path / "note").write_text("hello\n")
    with ecirun.run(source, volumes={"claim": tmp_path}) as pod:
        assert (pod.wait(), pod.logs()) == (0, "hello\n")
    assert (tmp_path / "answer").read_text() == "back\n"


def test_a_sysctl_that_the_kernel_would_not_take():
    error = refused(lambda: ecirun.run(ecirun.pod(sysctls={"net.core.somaxconn": "many"})))
    assert (type(error), error.step) == (ecirun.LaunchFailed, "sysctls")
    assert error.message == 'Can\'t set sysctl net.core.somaxconn to "many": Invalid argument'


def test_what_a_user_should_know_is_in_the_warnings_and_in_the_log(caplog):
    with ecirun.run(ecirun.pod(sysctls={"vm.min_free_kbytes": "4096"})) as pod:
        assert pod.exec(["cat", "/proc/sys/vm/min_free_kbytes"]).stdout == "4096\n"
    (warning,) = pod.warnings
    assert warning == ("sysctl vm.min_free_kbytes is only shown to the workload: this kernel has one value for the whole host")
    assert caplog.record_tuples == [("ecirun", logging.WARNING, f"pod {pod.name}: {warning}")]


def test_what_a_policy_warns_of_is_in_the_warnings_too():
    source = ecirun.pod()
    source["spec"]["nodeSelector"] = {"a": "b"}
    with ecirun.run(source) as pod:
        (warning,) = pod.warnings
        assert warning.split("\n")[0].startswith("<dict>:1:")
        assert "warning: spec.nodeSelector: " in warning


def test_a_detached_pod_outlives_its_block_and_can_be_attached_to():
    with ecirun.run(ecirun.pod(), detach=True) as pod:
        pass
    try:
        with ecirun.attach(pod.name) as same:
            assert (same.name, same.plan.containers) == (pod.name, pod.plan.containers)
            assert same.exec(["hostname"]).stdout == "pod\n"
            assert same.status()["phase"] == "Running"
            assert same.logs() == ""
        with ecirun.attach(pod.name) as again:
            assert again.stop(grace=0) == 137
            assert again.status()["phase"] == "Failed"
            assert again.logs() == ""
        error = refused(lambda: ecirun.attach(pod.name))
        assert type(error) is ecirun.NotRunning
        assert error.message == f'Can\'t reach pod "{pod.name}": it has ended (failed)'
    finally:
        run_ecirun("rm", "-f", pod.name)
    assert type(refused(lambda: ecirun.attach(pod.name))) is ecirun.PodNotFound


def test_a_detached_pod_can_be_waited_for():
    with ecirun.run(ecirun.pod(), command=["sh", "-c", "sleep 0.2; exit 3"], detach=True) as pod:
        other = ecirun.attach(pod.name)
        assert (pod.wait(), pod.wait(), other.wait()) == (3, 3, 3)
        other.close()
    assert run_ecirun("rm", pod.name).code == 0


def test_a_pod_can_be_detached_while_it_runs():
    with ecirun.run(ecirun.pod()) as pod:
        pod.detach()
        pod.detach()
    assert run_ecirun("exec", pod.name, "--", "hostname").stdout == "pod\n"
    (listed,) = [line for line in run_ecirun("ps").stdout.splitlines() if pod.name in line]
    assert "Running" in listed
    assert run_ecirun("rm", "-f", pod.name).code == 0


def test_a_pod_can_be_detached_after_its_end():
    with ecirun.run(ecirun.pod(), command=["echo", "hello"]) as pod:
        pod.wait()
        pod.detach()
    assert run_ecirun("logs", pod.name).stdout == "hello\n"
    assert run_ecirun("rm", pod.name).code == 0


def test_a_closed_pod_cannot_be_detached():
    with ecirun.run(ecirun.pod()) as pod:
        pass
    assert refused(pod.detach).message == f'Can\'t detach pod "{pod.name}": it was closed'


def test_a_pod_of_another_program_can_be_attached_to():
    assert run_ecirun("run", "-d", "--name", "theirs", "example:network").code == 0
    try:
        with ecirun.attach("theirs") as pod:
            assert pod.exec(["ip", "link", "set", "lo", "down"]).stderr == "ip: SIOCSIFFLAGS: Operation not permitted\n"
    finally:
        assert run_ecirun("rm", "-f", "theirs").code == 0


def test_a_supervisor_that_dies_takes_its_pod_with_it(caplog):
    with ecirun.run(ecirun.pod()) as pod:
        os.kill(supervisor_of(pod), signal.SIGKILL)
        error = refused(pod.wait)
        assert type(error) is ecirun.LaunchFailed
        assert error.message == f'Can\'t say how pod "{pod.name}" ended: its supervisor died'
        error = refused(lambda: pod.exec(["true"]))
        assert (type(error), error.message) == (ecirun.NotRunning, f'Can\'t execute in pod "{pod.name}": it has ended')
    assert caplog.messages == [f'pod "{pod.name}" was lost: its supervisor died; cleaned up after it']
    assert not os.path.exists(f"/run/ecirun/{pod.name}")
    # The next launcher removes its control groups.
    launchers._close_all()
    ecirun.run(ecirun.pod()).close()


def test_a_launcher_that_is_killed_is_started_again():
    ecirun.run(ecirun.pod()).close()
    with ecirun.run(ecirun.pod()) as pod:
        parent = int(Path(f"/proc/{supervisor_of(pod)}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(parent, signal.SIGKILL)
        with ecirun.run(ecirun.pod()) as other:
            assert other.exec(["true"])
        assert pod.exec(["true"])


def test_one_waits_while_another_closes():
    with ecirun.run(ecirun.pod()) as pod:
        errors: list[BaseException] = []

        def wait() -> None:
            try:
                pod.wait()
            except ecirun.EcirunError as error:
                errors.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        pod.close()
        waiting.join(timeout=60)
        assert not waiting.is_alive()
    assert [type(error) for error in errors] == [ecirun.NotRunning]
