"""What an image's config means for its pod: USER, ENV, ENTRYPOINT, CMD, WORKDIR, STOPSIGNAL, VOLUME."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest
from archives import config_of, directory, docker_archive, file, layer
from running import PROGRAM, Result

from ecirun.image.load import load
from ecirun.image.place import default_store
from ecirun.image.store import find_image

pytestmark = pytest.mark.sandbox

PASSWD = b"root:x:0:0::/root:/bin/sh\napp:x:1000:50:An app:/home/app:/bin/sh\n"
GROUP = b"root:x:0:\nstaff:x:50:\nplug:x:60:app\n"


@pytest.fixture
def run_image(tmp_path, store, ecirun):
    """Runs a pod of an image with this config: busybox, two users, and some folders."""
    busybox = Path(find_image("busybox", default_store()).rootfs, "bin/busybox").read_bytes()
    content = layer(
        directory("bin"),
        file("bin/busybox", busybox, 0o755),
        *[file(f"etc/{name}", text) for name, text in (("passwd", PASSWD), ("group", GROUP))],
        directory("data", 0o750, uid=1000, gid=50),
        file("data/seed", b"from the image", uid=1000, gid=50),
        file("plain", b"x"),
    )

    def run(config: dict, *, container: str = "", pod: str = "", command: str = "") -> Result:
        archive = docker_archive(tmp_path / "image.tar", content, config=config_of([content], config))
        load(archive, store)
        lines = "".join(f"    {line}\n" for line in container.splitlines())
        head = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: config}}\nspec:\n{pod}"
        (tmp_path / "pod.yaml").write_text(f"{head}  containers:\n  - name: c\n    image: test\n{lines}")
        tail = ["--", "/bin/busybox", "sh", "-c", command] if command else []
        return ecirun("run", "-q", "--store", store, str(tmp_path / "pod.yaml"), *tail)

    return run


ID = "busybox=/bin/busybox; $busybox id -u; $busybox id -g; $busybox id -G; echo $HOME"


@pytest.mark.parametrize(
    ("user", "seen"),
    [
        ("", "0 0 0 /root"),
        ("0", "0 0 0 /root"),
        ("1000", "1000 50 50 60 /home/app"),
        ("app", "1000 50 50 60 /home/app"),
        ("app:root", "1000 50 50 60 /home/app"),
        ("1000:0", "1000 50 50 60 /home/app"),
        ("999:999", "999 0 0 /"),  # through Kubernetes the group is lost
        (":50", "0 0 0 /root"),
    ],
)
def test_user_in_all_forms(run_image, user, seen):
    assert run_image({"User": user}, command=ID) == (0, seen.replace(" /", "\n/").replace(" ", "\n", 2) + "\n", "")


@pytest.mark.parametrize(
    ("user", "problem"),
    [
        ("nobody", "no users found: the image's USER 'nobody' is not in its /etc/passwd"),
        ("-1", 'invalid USER value "-1": uid out of range'),
        ("4294967296", 'invalid USER value "4294967296": uid out of range'),
    ],
)
def test_a_user_that_is_none_says_so(run_image, user, problem):
    assert run_image({"User": user}, command="true") == (
        125,
        "",
        f'ecirun: error: Can\'t find the user of container "c": {problem}\n    hint: set runAsUser\n',
    )


def test_a_named_user_cannot_be_verified_to_be_no_root(run_image):
    result = run_image({"User": "app"}, container="securityContext: {runAsNonRoot: true}", command="true")
    assert (result.code, result.stderr.splitlines()[0]) == (
        125,
        "ecirun: error: container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root "
        '(pod: "config_default", container: c)',
    )


def test_environment_entrypoint_command_and_directory(run_image):
    config = {
        "Env": ["A=image", "B=image", "PATH=/bin"],
        "Entrypoint": ["/bin/busybox", "sh", "-c", 'echo $A $B $PATH $PWD "$@"', "name"],
        "Cmd": ["cmd", "of the image"],
        "WorkingDir": "/data",
    }
    assert run_image(config) == (0, "image image /bin /data cmd of the image\n", "")
    container = "env: [{name: B, value: pod}]\nargs: [$(B)]\nworkingDir: /new/dir"
    assert run_image(config, container=container) == (0, "image pod /bin /new/dir pod\n", "")


def test_an_image_without_a_command_says_so(run_image):
    assert run_image({"Entrypoint": [""]}) == (
        125,
        "",
        'ecirun: error: Can\'t start container "c": no command specified\n'
        "    hint: set command in the spec, or give one after --\n",
    )


class TestVolumes:
    SHOW = "b=/bin/busybox; $b stat -c '%a %u %g' {0}; $b ls {0}; $b cat {0}/seed; echo x >{0}/new && $b cat {0}/new"

    def test_a_volume_begins_as_the_image_has_it_and_can_be_written(self, run_image, store):
        result = run_image({"Volumes": {"/data": {}}}, command=self.SHOW.format("/data"))
        assert result == (0, "750 1000 50\nseed\nfrom the imagex\n", "")
        assert sorted(path.name for path in Path(find_image("test", store).rootfs, "data").iterdir()) == ["seed"]

    def test_a_volume_that_the_image_has_not_is_an_empty_directory_of_roots(self, run_image):
        command = self.SHOW.format("/new/place").replace("$b cat /new/place/seed; ", "")
        assert run_image({"Volumes": {"new/place/": {}}}, command=command) == (0, "755 0 0\nx\n", "")

    def test_what_the_pod_mounts_there_comes_first(self, run_image):
        container = "volumeMounts: [{name: v, mountPath: /data/}]"
        result = run_image(
            {"Volumes": {"/data": {}}},
            container=container,
            pod="  volumes: [{name: v, emptyDir: {}}]\n",
            command="/bin/busybox stat -c '%a' /data; /bin/busybox ls /data",
        )
        assert result == (0, "777\n", "")

    def test_nothing_of_it_stays(self, run_image):
        for _time in range(2):
            assert run_image({"Volumes": {"/data": {}}}, command="[ ! -e /data/new ] && echo x >/data/new").code == 0

    def test_a_file_is_no_place_for_a_volume(self, run_image):
        result = run_image({"Volumes": {"/plain": {}}}, command="true")
        assert (result.code, result.stderr.splitlines()[0]) == (
            125,
            'ecirun: error: Can\'t mount volume "c.volume-0" on /plain: it is not a directory in the image',
        )

    def test_device_nodes_made_in_it_do_not_open(self, run_image):
        command = "/bin/busybox mknod /data/null c 1 3 && echo x >/data/null"
        result = run_image({"Volumes": {"/data": {}}}, command=command)
        assert (result.code, "Permission denied" in result.stderr) == (1, True)


@pytest.mark.parametrize(("stop", "number"), [("SIGUSR1", 10), ("usr2", 12), ("12", 12), ("SIGRTMIN+3", 37), ("RTMAX", 64)])
def test_the_stop_signal_of_the_image_asks_it_to_end(run_image, tmp_path, store, stop, number):
    run_image({"StopSignal": stop}, command="true")
    script = f"trap 'exit 7' {number}; echo ready; while :; do /bin/busybox sleep 0.05; done"
    command = [*PROGRAM, "run", "-q", "--store", store, str(tmp_path / "pod.yaml"), "--", "/bin/busybox", "sh", "-c", script]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as pod:
        assert pod.stdout.readline() == "ready\n"
        pod.send_signal(signal.SIGTERM)
    assert pod.returncode == 7


def test_a_stop_signal_that_is_none_is_noted(run_image, ecirun, tmp_path, store):
    run_image({"StopSignal": "SIGNOSUCH"}, command="true")
    plan = json.loads(ecirun("plan", "-o", "json", "--store", store, str(tmp_path / "pod.yaml"), "--", "true").stdout)
    container = plan["containers"][0]
    assert container["stop_signal"] == "SIGTERM"
    assert "the image's STOPSIGNAL 'SIGNOSUCH' is no signal: SIGTERM is sent instead" in container["notes"]
