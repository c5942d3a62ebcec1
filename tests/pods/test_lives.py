"""Lives that are seen from outside only: phases, reasons, restarts, readiness, last words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from detached import command

pytestmark = pytest.mark.sandbox


def main(*command: str, **more: object) -> dict[str, object]:
    return {"name": "main", "command": list(command), **more}


def row(name: str = "test") -> list[str]:
    """READY, STATUS and RESTARTS of `ps`."""
    lines = command("ps").stdout.splitlines()
    return next(line.split()[1:4] for line in lines if line.split()[0] == name)


def waits_again(container: dict[str, Any]) -> bool:
    """Whether it has failed twice, and waits for its third start."""
    return container["restart_count"] == 1 and container["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff"


def test_a_container_that_fails_again_and_again_waits_longer_and_longer(detach):
    pod = detach({"containers": [main("sh", "-c", "exit 3")]})
    pod.until(lambda: waits_again(pod.container("main")))
    found = json.loads(pod.run("inspect").stdout)["status"]
    status = found["containerStatuses"][0]
    uid = json.loads(pod.run("inspect").stdout)["metadata"]["uid"]
    assert found["phase"] == "Running"
    assert status["state"] == {
        "waiting": {
            "reason": "CrashLoopBackOff",
            "message": f"back-off 10s restarting failed container=main pod=test_default({uid})",
        }
    }
    assert (status["restartCount"], status["ready"], status["started"]) == (1, False, False)
    assert {key: status["lastState"]["terminated"][key] for key in ("exitCode", "reason")} == {"exitCode": 3, "reason": "Error"}
    assert row() == ["0/1", "CrashLoopBackOff", "1"]


@pytest.mark.parametrize(
    ("command", "policy", "phase", "word", "code"),
    [
        ("exit 0", "Never", "Succeeded", "Completed", "0"),
        ("exit 0", "OnFailure", "Succeeded", "Completed", "0"),
        ("exit 7", "Never", "Failed", "Error", "7"),
        ("exec sh -c 'exec nosuch'", "Never", "Failed", "Error", "127"),
    ],
)
def test_phases_of_pods_that_end(detach, command, policy, phase, word, code):
    pod = detach({"restartPolicy": policy, "containers": [main("sh", "-c", command)]})
    assert pod.run("wait").stdout == f"{code}\n"
    found = json.loads(pod.run("inspect").stdout)["status"]
    assert (found["phase"], found["containerStatuses"][0]["state"]["terminated"]["exitCode"]) == (phase, int(code))
    assert row() == ["0/1", word, "0"]
    if phase == "Succeeded":
        conditions = {entry["type"]: (entry["status"], entry.get("reason")) for entry in found["conditions"]}
        assert conditions == {
            "Initialized": ("True", "PodCompleted"),
            "Ready": ("False", "PodCompleted"),
            "ContainersReady": ("False", "PodCompleted"),
            "PodScheduled": ("True", None),
        }


def test_a_pod_is_pending_while_its_init_container_runs(detach):
    pod = detach({"initContainers": [{"name": "init", "command": ["sleep", "1000"]}], "containers": [main("true")]})
    found = json.loads(pod.run("inspect").stdout)["status"]
    assert found["phase"] == "Pending"
    assert found["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}
    assert found["conditions"][0] == {
        "type": "Initialized",
        "status": "False",
        "reason": "ContainersNotInitialized",
        "message": "containers with incomplete status: [init]",
    }
    assert row() == ["0/1", "Init:0/1", "0"]


def test_an_init_container_that_fails_for_good(detach):
    spec = {"restartPolicy": "Never", "initContainers": [{"name": "init", "command": ["sh", "-c", "exit 3"]}]}
    pod = detach({**spec, "containers": [main("true")]})
    assert pod.run("wait").stdout == "3\n"
    assert (pod.state["phase"], row()) == ("Failed", ["0/1", "Init:Error", "0"])


def test_an_init_container_that_waits_for_its_next_start(detach):
    pod = detach({"initContainers": [{"name": "init", "command": ["sh", "-c", "exit 3"]}], "containers": [main("true")]})
    pod.until(lambda: waits_again(pod.container("init")))
    assert (pod.state["phase"], row()) == ("Pending", ["0/1", "Init:CrashLoopBackOff", "1"])


def test_readiness_comes_and_goes_and_never_ends_the_container(detach):
    probe = {"exec": {"command": ["test", "-e", "/dev/shm/ready"]}, "periodSeconds": 1, "failureThreshold": 1}
    pod = detach({"containers": [main("sleep", "1000", readinessProbe=probe)]})
    assert row() == ["0/1", "Running", "0"]
    found = json.loads(pod.run("inspect").stdout)["status"]["conditions"][1]
    assert found == {
        "type": "Ready",
        "status": "False",
        "reason": "ContainersNotReady",
        "message": "containers with unready status: [main]",
    }
    assert pod.exec("touch", "/dev/shm/ready").code == 0
    pod.until(lambda: pod.container("main")["ready"])
    assert pod.exec("rm", "/dev/shm/ready").code == 0
    pod.until(lambda: not pod.container("main")["ready"])
    assert row() == ["0/1", "Running", "0"]
    event = pod.state["events"][0]
    assert (event["reason"], event["container"], event["message"]) == ("Unhealthy", "main", "Readiness probe failed: ")
    assert event["count"] >= 2


@pytest.mark.parametrize(
    ("policy", "command", "words"),
    [
        ("File", "printf DONE > /dev/termination-log", "DONE"),
        ("File", "printf DONE; exit 1", ""),
        ("FallbackToLogsOnError", "printf DONE; exit 1", "DONE"),
        ("FallbackToLogsOnError", "echo one; echo two >&2; exit 1", "one\ntwo\n"),
        ("FallbackToLogsOnError", "printf DONE; exit 0", ""),
        ("FallbackToLogsOnError", "printf FILE > /dev/termination-log; printf LOG; exit 1", "FILE"),
        ("FallbackToLogsOnError", "seq 1 100; exit 1", "".join(f"{number}\n" for number in range(21, 101))),
        (
            "File",
            "head -c 5000 /dev/zero | tr '\\0' x > /dev/termination-log; printf END >> /dev/termination-log",
            "x" * 4093 + "END",
        ),
    ],
)
def test_last_words(detach, policy, command, words):
    container = main("sh", "-c", command, terminationMessagePolicy=policy, securityContext={"runAsUser": 1000})
    pod = detach({"restartPolicy": "Never", "containers": [container]})
    pod.until_ended()
    terminated = json.loads(pod.run("inspect").stdout)["status"]["containerStatuses"][0]["state"]["terminated"]
    assert terminated.get("message", "") == words


def test_last_words_elsewhere_and_of_each_run(detach):
    script = (
        "cat /tmp/words; echo run $(cat /dev/shm/n) > /tmp/words; test -e /dev/shm/n && sleep 1000; echo 2 > /dev/shm/n; exit 1"
    )
    pod = detach({"containers": [main("sh", "-c", script, terminationMessagePath="/tmp/words")]})
    pod.until(lambda: pod.container("main")["restart_count"] == 1)
    assert pod.container("main")["last_state"]["terminated"]["message"] == "run\n"
    assert pod.run("logs").stdout == ""


def test_out_of_memory(detach):
    limits = {"limits": {"memory": "20Mi"}}
    pod = detach({"restartPolicy": "Never", "containers": [main("tail", "/dev/zero", resources=limits)]})
    assert pod.run("wait").stdout == "137\n"
    terminated = json.loads(pod.run("inspect").stdout)["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (terminated["exitCode"], terminated["reason"], terminated["signal"]) == (137, "OOMKilled", 9)
    assert row() == ["0/1", "OOMKilled", "0"]


def test_an_emptydir_that_outgrows_its_limit_ends_the_pod(detach):
    volume = {"name": "disk", "emptyDir": {"sizeLimit": "1Mi"}}
    script = "head -c 3000000 /dev/zero > /disk/file; sync; exec sleep 1000"
    container = main("sh", "-c", script, volumeMounts=[{"name": "disk", "mountPath": "/disk"}])
    pod = detach({"volumes": [volume], "containers": [container]})
    assert pod.run("wait").stdout == "137\n"
    found = json.loads(pod.run("inspect").stdout)["status"]
    assert (found["phase"], found["reason"]) == ("Failed", "Evicted")
    assert found["message"] == 'Usage of EmptyDir volume "disk" exceeds the limit "1Mi". '
    assert row() == ["0/1", "Evicted", "0"]


def test_the_deadline(detach):
    pod = detach({"activeDeadlineSeconds": 1, "terminationGracePeriodSeconds": 0, "containers": [main("sleep", "1000")]})
    assert pod.run("wait").stdout == "137\n"
    found = json.loads(pod.run("inspect").stdout)["status"]
    assert (found["phase"], found["reason"]) == ("Failed", "DeadlineExceeded")
    assert found["message"] == "Pod was active on the node longer than the specified deadline"
    assert row() == ["0/1", "DeadlineExceeded", "0"]


def test_a_second_container_that_does_not_start(detach):
    spec = {"restartPolicy": "Never", "containers": [main("sleep", "1000"), {"name": "second", "command": ["nosuch"]}]}
    pod = detach(spec)
    pod.until(lambda: pod.state["events"])
    found = json.loads(pod.run("inspect").stdout)["status"]
    terminated = found["containerStatuses"][1]["state"]["terminated"]
    assert (terminated["exitCode"], terminated["reason"]) == (128, "StartError")
    assert terminated["message"].startswith('Can\'t run "nosuch": not found')
    assert found["phase"] == "Running"
    assert row() == ["1/2", "StartError", "0"]


def test_limits_are_the_control_groups(detach):
    from pathlib import Path

    resources = {"requests": {"cpu": "250m"}, "limits": {"cpu": "500m", "memory": "64Mi"}}
    pod = detach({"containers": [main("sleep", "1000", resources=resources), {"name": "free", "command": ["sleep", "1000"]}]})
    pod.until(lambda: pod.state["phase"] == "Running")

    def read(container: str, controller: str, file: str) -> str:
        return (Path(pod.container(container)["cgroup"][controller]) / file).read_text().strip()

    if "2" in pod.container("main")["cgroup"]:
        expected = {"cpu.max": "50000 100000", "memory.max": "67108864", "pids.max": "4096"}
    else:
        expected = {"cpu.cfs_quota_us": "50000", "cpu.shares": "256", "memory.limit_in_bytes": "67108864", "pids.max": "4096"}
    assert {file: read("main", file.split(".")[0], file) for file in expected} == expected
    assert read("free", "pids", "pids.max") == "4096"
    assert str(pod.container("main")["pid"]) in read("main", "pids", "cgroup.procs").split()
