"""Pods in the background, and the commands about them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from detached import Detached, command, manifest
from running import Result, run_ecirun

pytestmark = pytest.mark.sandbox

WAITS = "trap 'echo got TERM; exit 3' TERM; echo up; while :; do sleep 0.05; done"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Detached]:
    """A pod with an init container and two app containers, for tests that only look."""
    spec = {
        "initContainers": [{"name": "init", "command": ["echo", "prepared"]}],
        "containers": [
            {
                "name": "web",
                "command": ["sh", "-c", "echo out; echo err >&2; exec sleep 1000"],
                "env": [{"name": "A", "value": "one"}],
                "workingDir": "/tmp",
                "securityContext": {"runAsUser": 1000, "runAsGroup": 2000, "capabilities": {"drop": ["NET_RAW"]}},
                "resources": {"limits": {"cpu": "500m", "memory": "64Mi"}},
                "lifecycle": {"postStart": {"exec": {"command": ["true"]}}},
            },
            {"name": "log", "command": ["sleep", "1000"]},
        ],
        "terminationGracePeriodSeconds": 1,
    }
    file = tmp_path_factory.mktemp("web") / "web.yaml"
    file.write_text(manifest(spec, "web", labels={"app": "web"}))
    assert run_ecirun("run", "-d", str(file), timeout=20) == (0, "web\n", "")
    pod = Detached("web")
    pod.until(lambda: all(pod.container(name)["ready"] for name in ("web", "log")))
    yield pod
    assert command("rm", "-f", "web") == (0, "web\n", "")


class TestPs:
    def test_a_table(self, web):
        result = command("ps")
        assert (result.code, result.stderr) == (0, "")
        assert re.fullmatch(
            "NAME   READY   STATUS    RESTARTS   AGE   IP\nweb    2/2     Running   0 {10}[0-9]+s +127.0.0.1\n", result.stdout
        ), result.stdout

    def test_names_only(self, web):
        assert command("ps", "-q") == (0, "web\n", "")

    def test_json(self, web):
        document = json.loads(command("ps", "-o", "json").stdout)
        assert document["schema_version"] == 1
        (pod,) = document["pods"]
        assert {key: pod[key] for key in ("name", "status", "alive", "phase", "detached", "exit_code")} == {
            "name": "web",
            "status": "Running",
            "alive": True,
            "phase": "Running",
            "detached": True,
            "exit_code": None,
        }
        assert [entry["name"] for entry in pod["containers"]] == ["init", "web", "log"]


def test_inspect_shows_the_pod_as_the_api_would(web):
    document = json.loads(web.run("inspect").stdout)
    ours = document.pop("ecirun")
    text = json.dumps(document, indent=1)
    text = re.sub(UUID, "UUID", re.sub(MOMENT, "MOMENT", re.sub("ecirun://[0-9a-f]{64}", "ecirun://ID", text)))
    text = re.sub("sha256:[0-9a-f]{64}", "DIGEST", text)

    def status(name: str, **more: object) -> dict[str, object]:
        return {
            "name": name,
            "state": {"running": {"startedAt": "MOMENT"}},
            "lastState": {},
            "ready": True,
            "started": True,
            "restartCount": 0,
            "image": "docker.io/library/busybox:latest",
            "imageID": "DIGEST",
            "containerID": "ecirun://ID",
            **more,
        }

    ended = {"exitCode": 0, "reason": "Completed", "startedAt": "MOMENT", "finishedAt": "MOMENT", "containerID": "ecirun://ID"}
    assert json.loads(text) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "web",
            "namespace": "default",
            "uid": "UUID",
            "labels": {"app": "web"},
            "annotations": {},
            "creationTimestamp": "MOMENT",
        },
        "status": {
            "phase": "Running",
            "conditions": [
                {"type": "Initialized", "status": "True"},
                {"type": "Ready", "status": "True"},
                {"type": "ContainersReady", "status": "True"},
                {"type": "PodScheduled", "status": "True"},
            ],
            "qosClass": "Burstable",
            "hostIP": "127.0.0.1",
            "podIP": "127.0.0.1",
            "podIPs": [{"ip": "127.0.0.1"}],
            "startTime": "MOMENT",
            "initContainerStatuses": [status("init", state={"terminated": ended}, started=False)],
            "containerStatuses": [status("web"), status("log")],
        },
    }
    assert set(ours) == {"schema_version", "policy", "alive", "supervisor", "exit_code", "events", "plan"}
    assert (ours["alive"], ours["exit_code"], ours["events"]) == (True, None, [])
    assert "ecirun-supervisor web" in Path(f"/proc/{ours['supervisor']}/cmdline").read_text()


class TestExec:
    def test_as_the_containers_user_with_its_capabilities_directory_and_environment(self, web):
        script = "id -u; id -g; pwd; echo $A; cd /proc/self; grep -E 'CapBnd|CapEff|NoNew' status; sort -u -t: -k3 cgroup"
        result = web.exec("sh", "-c", script, options=("-c", "web"))
        assert result.stdout.splitlines() == [
            "1000",
            "2000",
            "/tmp",
            "one",
            "CapEff:\t0000000000000000",
            "CapBnd:\t00000000a80405fb",
            "NoNewPrivs:\t0",
            "0::/",
        ]

    def test_in_the_first_container_which_is_said(self, web):
        assert web.exec("hostname") == (0, "web\n", 'ecirun: defaulted container "web" out of: web, log\n')
        assert web.exec("hostname", options=("-q",)) == (0, "web\n", "")

    def test_in_another_container(self, web):
        assert web.exec("id", "-u", options=("-c", "log")) == (0, "0\n", "")

    @pytest.mark.parametrize(
        ("command", "code"), [("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137), ("true", 0), ("false", 1)]
    )
    def test_the_exit_code_is_the_programs(self, web, command, code):
        assert web.exec("sh", "-c", command, options=("-c", "log")).code == code

    def test_a_program_that_is_not_there(self, web):
        result = web.exec("nosuch", options=("-c", "log"))
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        assert (result.code, result.stdout) == (127, "")
        assert result.stderr == (
            f'ecirun: error: Can\'t run "nosuch": not found in PATH={path}\n    hint: check the command and the image\n'
        )

    def test_a_program_that_cannot_run(self, web):
        result = web.exec("/etc/passwd", options=("-c", "log"))
        assert (result.code, result.stderr.split("\n")[0]) == (
            126,
            'ecirun: error: Can\'t run "/etc/passwd": Permission denied',
        )

    def test_both_streams_and_standard_input(self, web):
        result = web.exec("sh", "-c", "cat; echo err >&2", options=("-i", "-c", "log"), input="some\nlines")
        assert result == (0, "some\nlines", "err\n")

    def test_without_standard_input_there_is_nothing_to_read(self, web):
        assert web.exec("cat", options=("-c", "log")) == (0, "", "")

    def test_an_argument_of_a_hundred_kilobytes(self, web):
        assert web.exec("sh", "-c", "echo ${#0}", "x" * 100_000, options=("-c", "log")) == (0, "100000\n", "")

    def test_a_container_that_does_not_run(self, web):
        assert web.exec("true", options=("-c", "init")) == (
            125,
            "",
            'ecirun: error: Can\'t execute in container "init": it is not running\n    hint: see `ecirun inspect web`\n',
        )

    def test_a_container_that_is_not_there(self, web):
        assert web.exec("true", options=("-c", "nosuch")) == (
            125,
            "",
            'ecirun: error: Can\'t find container "nosuch" in pod "web"\n    hint: choose one of: init, web, log\n',
        )

    def test_a_pod_that_is_not_there(self, web):
        assert run_ecirun("exec", "nosuch", "--", "true") == (
            125,
            "",
            'ecirun: error: Can\'t find pod "nosuch"\n    hint: choose one of: web\n',
        )

    def test_no_command(self, web):
        assert web.run("exec") == (
            125,
            "",
            "ecirun: error: Can't execute nothing: no command stands after --\n    hint: write: ecirun exec web -- COMMAND\n",
        )


class TestLogs:
    def test_each_stream_comes_out_where_it_went_in(self, web):
        assert web.run("logs", "-c", "web") == (0, "out\n", "err\n")

    def test_of_the_first_container_which_is_said(self, web):
        assert web.run("logs") == (0, "out\n", 'ecirun: defaulted container "web" out of: web, log\nerr\n')

    def test_of_an_init_container(self, web):
        assert web.run("logs", "-c", "init") == (0, "prepared\n", "")

    def test_of_a_container_that_has_said_nothing(self, web):
        assert web.run("logs", "-c", "log") == (0, "", "")

    def test_of_a_container_that_is_not_there(self, web):
        assert web.run("logs", "-c", "nosuch") == (
            125,
            "",
            'ecirun: error: Can\'t find container "nosuch" in pod "web"\n    hint: choose one of: init, web, log\n',
        )

    def test_of_an_earlier_run_that_there_was_not(self, web):
        assert web.run("logs", "-p", "-c", "web") == (
            125,
            "",
            'ecirun: error: previous terminated container "web" in pod "web" not found\n',
        )

    def test_with_moments(self, web):
        result = web.run("logs", "--timestamps", "-c", "init")
        assert re.fullmatch(r"[0-9-]{10}T[0-9:]{8}\.[0-9]{9}Z prepared\n", result.stdout), result.stdout

    def test_younger_than_a_moment(self, web):
        assert web.run("logs", "--since", "1h30m", "-c", "init").stdout == "prepared\n"
        assert web.run("logs", "--since", "0s", "-c", "init").stdout == ""
        assert web.run("logs", "--since", "2020-01-01T00:00:00.5+08:00", "-c", "init").stdout == "prepared\n"
        assert web.run("logs", "--since", "2999-01-01T00:00:00Z", "-c", "init").stdout == ""

    @pytest.mark.parametrize("text", ["yesterday", "5", "5x", "2020-01-01", "2020-01-01T00:00:00"])
    def test_a_moment_that_is_none(self, web, text):
        assert web.run("logs", "--since", text, "-c", "init") == (
            125,
            "",
            f"ecirun: error: Can't read the time '{text}'\n    hint: write 10s, 1h30m or 2026-01-31T10:00:00Z\n",
        )


class TestStats:
    def test_of_all_that_run(self, web):
        document = json.loads(command("stats", "-o", "json").stdout)
        assert document["schema_version"] == 1
        first = document["containers"][0]
        assert {key: first[key] for key in ("pod", "container", "memory_limit", "pids")} == {
            "pod": "web",
            "container": "web",
            "memory_limit": 64 * 2**20,
            "pids": 1,
        }
        assert 0 < first["memory"] < 64 * 2**20
        assert first["cpu_seconds"] >= 0
        assert first["cpu_percent"] >= 0


class TestCompletion:
    def complete(self, words: str, number: int) -> list[str]:
        env = {"_ECIRUN_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(number)}
        return [line.partition(",")[2] for line in run_ecirun(env=env).stdout.split()]

    def test_of_pods(self, web):
        assert self.complete("ecirun logs ", 2) == ["web"]
        assert self.complete("ecirun stop w", 2) == ["web"]
        assert self.complete("ecirun rm x", 2) == []

    def test_of_containers(self, web):
        assert self.complete("ecirun logs web -c ", 4) == ["init", "web", "log"]
        assert self.complete("ecirun exec web -c l", 4) == ["log"]


class TestEnd:
    def test_stop_is_gentle(self, detach):
        pod = detach({"containers": [{"name": "main", "command": ["sh", "-c", WAITS]}]})
        pod.until_said("up", "main")
        assert pod.run("stop") == (0, "test\n", "")
        assert pod.run("logs") == (0, "up\ngot TERM\n", "")
        assert pod.run("wait") == (0, "3\n", "")
        assert command("stop", "test") == (0, "", "")
        assert " Error " in command("ps").stdout

    def test_stop_kills_what_does_not_end_in_time(self, detach):
        pod = detach(
            {"containers": [{"name": "main", "command": ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"]}]}
        )
        pod.until_said("up", "main")
        assert pod.run("stop", "--grace", "0.3") == (0, "test\n", "")
        assert pod.run("wait") == (0, "137\n", "")
        events = json.loads(pod.run("inspect").stdout)["ecirun"]["events"]
        assert [event["message"] for event in events] == ["still running 0.3 s after the stop signal: killed"]

    def test_stop_with_no_grace_skips_the_hook(self, detach):
        hook = {"preStop": {"exec": {"command": ["sh", "-c", "echo hook > /proc/1/fd/1"]}}}
        pod = detach({"containers": [{"name": "main", "command": ["sh", "-c", WAITS], "lifecycle": hook}]})
        pod.until_said("up", "main")
        assert pod.run("stop", "--grace", "0") == (0, "test\n", "")
        assert pod.run("logs") == (0, "up\n", "")

    def test_stop_calls_the_hook_first(self, detach):
        hook = {"preStop": {"exec": {"command": ["sh", "-c", "sleep 0.2; echo hook > /proc/1/fd/1"]}}}
        pod = detach({"containers": [{"name": "main", "command": ["sh", "-c", WAITS], "lifecycle": hook}]})
        pod.until_said("up", "main")
        assert pod.run("stop") == (0, "test\n", "")
        assert pod.run("logs") == (0, "up\nhook\ngot TERM\n", "")

    def test_a_hook_that_takes_longer_than_the_grace_period_leaves_two_seconds(self, detach):
        hook = {"preStop": {"exec": {"command": ["sleep", "1000"]}}}
        pod = detach({"containers": [{"name": "main", "command": ["sh", "-c", WAITS], "lifecycle": hook}]})
        pod.until_said("up", "main")
        assert pod.run("stop", "--grace", "0.2") == (0, "test\n", "")
        assert pod.run("logs") == (0, "up\ngot TERM\n", "")
        events = json.loads(pod.run("inspect").stdout)["ecirun"]["events"]
        assert [event["message"] for event in events] == ["preStop hook did not end within the grace period"]

    def test_the_spec_chooses_the_stop_signal(self, detach):
        script = "trap 'echo got USR1; exit' USR1; echo up; while :; do sleep 0.05; done"
        container = {"name": "main", "command": ["sh", "-c", script], "lifecycle": {"stopSignal": "SIGUSR1"}}
        pod = detach({"os": {"name": "linux"}, "containers": [container]})
        pod.until_said("up", "main")
        assert pod.run("stop") == (0, "test\n", "")
        assert pod.run("logs") == (0, "up\ngot USR1\n", "")

    def test_a_real_time_signal_stops(self, detach):
        script = "trap 'echo got RTMIN+3; exit' 37; echo up; while :; do sleep 0.05; done"
        container = {"name": "main", "command": ["sh", "-c", script], "lifecycle": {"stopSignal": "SIGRTMIN+3"}}
        pod = detach({"os": {"name": "linux"}, "containers": [container]})
        pod.until_said("up", "main")
        assert pod.run("stop") == (0, "test\n", "")
        assert pod.run("logs") == (0, "up\ngot RTMIN+3\n", "")

    def test_sidecars_are_stopped_last(self, detach):
        def script(name: str) -> list[str]:
            return [
                "sh",
                "-c",
                f"trap 'echo {name} >> /dev/shm/order; cat /dev/shm/order; exit' TERM; echo up; while :; do sleep 0.05; done",
            ]

        spec = {
            "initContainers": [
                {"name": name, "restartPolicy": "Always", "command": script(name)} for name in ("side1", "side2")
            ],
            "containers": [{"name": "main", "command": script("main")}],
        }
        pod = detach(spec)
        pod.until_said("up", "main")
        assert pod.run("stop") == (0, "test\n", "")
        assert pod.run("logs", "-c", "side1").stdout == "up\nmain\nside2\nside1\n"

    def test_two_stops_at_once(self, detach):
        pod = detach({"containers": [{"name": "main", "command": ["sh", "-c", WAITS]}]})
        pod.until_said("up", "main")
        results = at_once([("stop", "test")] * 4)
        assert {(result.code, result.stderr) for result in results} == {(0, "")}
        assert pod.run("wait").stdout == "3\n"

    def test_a_later_stop_may_hasten_the_end(self, detach):
        pod = detach(
            {"containers": [{"name": "main", "command": ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"]}]}
        )
        pod.until_said("up", "main")
        results = at_once([("stop", "test"), ("stop", "--grace", "0.2", "test")])
        assert [result.code for result in results] == [0, 0]

    def test_a_pod_that_is_not_there(self, web):
        for name in ("stop", "wait", "rm", "logs", "inspect", "stats"):
            assert command(name, "nosuch") == (
                125,
                "",
                'ecirun: error: Can\'t find pod "nosuch"\n    hint: choose one of: web\n',
            )

    @pytest.mark.parametrize("name", ["../etc", ".network", "", "a/b"])
    def test_names_that_no_pod_has(self, name):
        assert command("inspect", name).code == 125

    def test_rm_wants_force_for_one_that_runs(self, detach):
        pod = detach({"containers": [{"name": "main", "command": ["sleep", "1000"]}]})
        assert pod.run("rm") == (
            125,
            "",
            'ecirun: error: Can\'t remove pod "test": it runs\n    hint: stop it with `ecirun stop test`, or add -f\n',
        )
        assert pod.run("rm", "-f") == (0, "test\n", "")
        assert command("rm", "-f", "test") == (0, "", "")
        assert " test " not in command("ps").stdout

    def test_several_rms_at_once(self, detach):
        detach({"containers": [{"name": "main", "command": ["sleep", "1000"]}]})
        results = at_once([("rm", "-f", "test")] * 4)
        assert {(result.code, result.stderr) for result in results} == {(0, "")}

    def test_an_ended_pod_keeps_its_name_until_it_is_removed(self, detach, pod_file):
        pod = detach({"restartPolicy": "Never", "containers": [{"name": "main", "command": ["true"]}]})
        pod.until_ended()
        assert run_ecirun("run", pod_file(), "--", "true") == (
            125,
            "",
            'ecirun: error: Can\'t start pod "test": the folder of an earlier pod of that name is still there\n'
            "    hint: remove it with `ecirun rm test`, or give this one another name with --name\n",
        )
        assert pod.run("rm") == (0, "test\n", "")
        assert run_ecirun("run", pod_file(), "--", "true").code == 0

    def test_wait_for_several(self, detach):
        for name, code in (("one", 1), ("two", 2)):
            detach(
                {
                    "restartPolicy": "Never",
                    "containers": [{"name": "main", "command": ["sh", "-c", f"sleep 0.3; exit {code}"]}],
                },
                name=name,
            )
        assert command("wait", "one", "two") == (0, "1\n2\n", "")

    def test_exec_into_an_ended_pod(self, detach):
        pod = detach({"restartPolicy": "Never", "containers": [{"name": "main", "command": ["true"]}]})
        pod.until_ended()
        pod.until(lambda: pod.exec("true").code == 125)
        assert pod.exec("true").stderr == (
            'ecirun: error: Can\'t reach pod "test": it has ended (succeeded)\n    hint: see `ecirun inspect test`\n'
        )


def at_once(commands: list[tuple[str, ...]]) -> list[Result]:
    """The results of several commands at the same time."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(commands)) as pool:
        return list(pool.map(lambda command: run_ecirun(*command), commands))


class TestStart:
    def test_a_pod_that_does_not_start_leaves_nothing(self, pod_file):
        result = run_ecirun("run", "-d", pod_file(container="command: [nosuch]"))
        assert (result.code, result.stdout) == (127, "")
        assert result.stderr.startswith('ecirun: error: Can\'t run "nosuch"')
        assert command("inspect", "test").code == 125

    def test_a_name_that_is_taken_leaves_nothing_either(self, web, pod_file):
        file = pod_file(container="volumeMounts: [{name: v, mountPath: /v}]", pod="volumes: [{name: v, emptyDir: {}}]")
        assert run_ecirun("run", "-d", "--name", "web", file) == (
            125,
            "",
            'ecirun: error: Can\'t start pod "web": a pod of that name runs already\n'
            "    hint: give this one another name with --name\n",
        )

    @pytest.mark.parametrize("options", [("-i",), ("-t",), ("--timeout", "1")])
    def test_nobody_is_there_for_streams_and_times(self, pod_file, options):
        assert run_ecirun("run", "-d", *options, pod_file()) == (
            125,
            "",
            "ecirun: error: Can't detach a pod with -i, -t or --timeout: nobody is there for them\n"
            "    hint: leave out -d, or use `ecirun exec -it`\n",
        )

    def test_names_with_dots_and_253_characters(self, detach):
        name = ".".join(("a" * 63, "b" * 63, "c" * 63, "d" * 61))
        spec = {"volumes": [{"name": "v", "emptyDir": {}}]}
        container = {"name": "main", "command": ["sleep", "1000"], "volumeMounts": [{"name": "v", "mountPath": "/v"}]}
        pod = detach({**spec, "containers": [container]}, "--network", "bridge", name=name)
        assert pod.exec("hostname") == (0, "a" * 63 + "\n", "")
        assert name in command("ps", "-q").stdout.splitlines()
        assert pod.run("stop", "--grace", "0").stdout == f"{name}\n"

    def test_the_client_is_not_needed_any_more(self, detach):
        pod = detach({"containers": [{"name": "main", "command": ["sh", "-c", "sleep 0.3; echo later; exec sleep 1000"]}]})
        pod.until_said("later", "main")
        assert pod.state["phase"] == "Running"

    def test_a_status_file_says_that_it_runs(self, detach, tmp_path):
        detach({"containers": [{"name": "main", "command": ["sleep", "1000"]}]}, "--status-file", str(tmp_path / "status"))
        assert json.loads((tmp_path / "status").read_text()) == {"schema_version": 1, "phase": "running", "pod": "test"}


def test_pods_on_the_bridge_find_each_other_by_name(detach, pod_file):
    serve = ["sh", "-c", "echo up; exec httpd -f -p 80 -h /etc"]
    spec = {"hostname": "one", "subdomain": "group", "containers": [{"name": "main", "command": serve}]}
    server = detach(spec, "--network", "bridge", name="server")
    server.until_said("up", "main")
    names = ("server", "server.default.pod.cluster.local", "one.group.default.svc.cluster.local", "one.group")
    ask = 'for name; do until wget -qO- "http://$name/hostname" 2>/dev/null; do sleep 0.05; done; done'
    result = run_ecirun("run", "--network", "bridge", "--name", "client", pod_file(), "--", "sh", "-c", ask, "ask", *names)
    assert result == (0, "one\n" * 4, "")


def test_what_helped_a_pod_to_start_does_not_stay(detach):
    """The keeper of the container's first memory, the zygote, who waits to execute: in the end only the program is there."""
    pod = detach({"containers": [{"name": "main", "command": ["sleep", "1000"]}]})
    supervisor = pod.state["supervisor"]
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children")
    pod.until(lambda: len(children.read_text().split()) == 1)
    assert Path(f"/proc/{children.read_text().strip()}/cmdline").read_bytes() == b"sleep\x001000\0"
