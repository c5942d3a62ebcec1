"""Images that are made here: busybox, and a Debian with real programs to try under ECI's rules."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from archives import tree
from host import host_snapshot, settled_host_snapshot
from programs import need, run
from running import CHECKOUT, PROGRAM, Result, run_ecirun

from ecirun.image.recipe import recipe_named
from ecirun.image.store import built_from, find_image, index_of

pytestmark = pytest.mark.usefixtures("root")


class TestBusybox:
    def test_it_is_built_once(self, ecirun, store):
        first = ecirun("image", "build", "--store", store)
        assert (first.code, first.stdout.split()[0]) == (0, "docker.io/library/busybox:latest")
        assert ecirun("image", "build", "--store", store, "busybox") == (0, first.stdout, "")

    def test_the_same_recipe_gives_the_same_digest(self, ecirun, store):
        builds = [ecirun("image", "build", "-q", "--store", store, "--force").stdout for _time in range(2)]
        assert builds[0] == builds[1]

    def test_every_applet_is_one_file(self, ecirun, store):
        ecirun("image", "build", "-q", "--store", store)
        found = json.loads(ecirun("image", "inspect", "--store", store, "busybox").stdout)
        assert (Path(found["rootfs"]) / "bin/sh").samefile(Path(found["rootfs"]) / "bin/ls")
        assert (found["source"], found["config"]["cmd"]) == ("recipe", ["sh"])

    @pytest.mark.sandbox
    @pytest.mark.parametrize("name", ["busybox", "registry.cn-shanghai.aliyuncs.com/eci_open/busybox:1.30"])
    def test_a_pod_builds_it_when_the_store_has_none(self, ecirun, store, pod_file, name):
        pod = Path(pod_file())
        pod.write_text(pod.read_text().replace("image: busybox", f"image: {name}"))
        assert ecirun("run", "-q", "--store", store, str(pod), "--", "echo", "hello") == (0, "hello\n", "")


def test_a_recipe_that_is_not_there_says_which_there_are(ecirun, store):
    assert ecirun("image", "build", "--store", store, "alpine") == (
        125,
        "",
        'ecirun: error: Can\'t find recipe "alpine"\n    hint: choose one of: busybox, debian\n',
    )


BOOTSTRAP = """#!/bin/sh
# Stands in for mmdebstrap: what a build of packages does to a machine, without the packages.
for last; do case $last in */built) root=$last;; esac; done
mkdir -p "$root/mnt" && mount -t tmpfs tmpfs "$root/mnt" && mount -t tmpfs tmpfs /mnt
sleep 1000 &
{0}
"""


class TestPackages:
    """The machine is not touched, and nothing is left, however a build ends."""

    @pytest.fixture
    def build(self, store, tmp_path):
        """Starts a build of `debian` with a stand-in for mmdebstrap that ends as the script says."""

        def start(script: str) -> subprocess.Popen:
            (tmp_path / "bin").mkdir()
            (tmp_path / "bin/mmdebstrap").write_text(BOOTSTRAP.format(script))
            (tmp_path / "bin/mmdebstrap").chmod(0o755)
            command = [*PROGRAM, "image", "build", "--store", store, "debian"]
            environment = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
            return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)

        return start

    def test_a_build_that_fails_says_why(self, build, store):
        before = host_snapshot()
        process = build("echo noise; echo E: unable to reach the archive >&2; exit 3")
        said = process.communicate(timeout=30)[1]
        assert (process.returncode, said.splitlines()[-2]) == (
            125,
            "ecirun: error: Can't build image debian: mmdebstrap: unable to reach the archive",
        )
        assert (settled_host_snapshot(before), os.listdir(f"{store}/tmp"), os.listdir(f"{store}/roots")) == (before, [], [])

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
    def test_a_build_that_is_stopped_leaves_nothing(self, build, store, ecirun, number):
        before = host_snapshot()
        sleep = f"sleep {os.getpid() + 10_000_000}"  # like nobody else's
        process = build(f'touch "$root/ready"; {sleep}')
        deadline = time.monotonic() + 20
        while not list(Path(store).glob("tmp/*/built/ready")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(number)
        process.communicate(timeout=30)
        assert process.returncode == (130 if number == signal.SIGINT else -number)
        while sleep in self.processes() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (settled_host_snapshot(before), sleep in self.processes()) == (before, False)
        if number == signal.SIGINT:
            assert os.listdir(f"{store}/tmp") == []
        ecirun("image", "prune", "-q", "--store", store)
        assert (os.listdir(f"{store}/tmp"), ecirun("image", "fsck", "-q", "--store", store)) == ([], (0, "", ""))

    @staticmethod
    def processes() -> str:
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                found.append(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
        return "\n".join(found)

    def test_without_a_bootstrap_one_line_says_what_is_missing(self, ecirun, store, tmp_path):
        assert ecirun("image", "build", "-q", "--store", store, "debian", env={"PATH": str(tmp_path)}) == (
            125,
            "",
            "ecirun: error: Can't install Debian's packages: neither mmdebstrap nor debootstrap is here\n"
            "    hint: install one: sudo apt-get install mmdebstrap\n",
        )


@pytest.fixture(scope="session")
def debian(tmp_path_factory):
    """The store of the tests, with the images of recipe debian in it; built once for many runs of the tests."""
    need("mmdebstrap")
    store = os.environ["ECIRUN_STORE"]
    if not built_from(recipe_named("debian").digest, store):
        before = host_snapshot()
        built = run_ecirun("image", "build", "-q", "debian", timeout=600)
        after = host_snapshot()
        if built.code != 0 and os.environ.get("ECIRUN_MUST_RUN") != "1":
            pytest.skip(f"no network? {built.stderr}")
        assert built.code == 0, built.stderr
        del before["store"], after["store"]  # where it belongs
        assert after == before
    return store


@pytest.mark.sandbox
class TestDebian:
    @pytest.fixture
    def in_debian(self, debian, ecirun, tmp_path):
        """Runs a shell command in a pod of an image of the recipe."""

        def run(command: str, *, context: str = "{}", image: str = "debian") -> Result:
            pod = tmp_path / "pod.yaml"
            container = f"{{name: c, image: '{image}', securityContext: {context}}}"
            pod.write_text(f"apiVersion: v1\nkind: Pod\nmetadata: {{name: debian}}\nspec: {{containers: [{container}]}}\n")
            return ecirun("run", "-q", str(pod), "--", "bash", "-c", command)

        return run

    def test_a_set_uid_program_gives_root_with_the_granted_set(self, in_debian):
        result = in_debian("sudo grep -E '^(Uid|CapEff)' /proc/self/status", context="{runAsUser: 1000}")
        assert (result.code, result.stdout) == (0, "Uid:\t0\t0\t0\t0\nCapEff:\t00000000a80425fb\n")

    def test_without_privilege_escalation_it_gives_nothing(self, in_debian):
        result = in_debian("sudo id -u", context="{runAsUser: 1000, allowPrivilegeEscalation: false}")
        assert (result.code, "no new privileges" in result.stderr) == (1, True)

    def test_a_file_capability_works_for_a_user_while_the_set_has_it(self, in_debian):
        ping = "ping -c 1 -W 5 127.0.0.1 >/dev/null && echo pong"
        assert in_debian(ping, context="{runAsUser: 1000}") == (0, "pong\n", "")
        denied = in_debian(ping, context="{runAsUser: 1000, capabilities: {drop: [NET_RAW]}}")
        assert (denied.code, denied.stderr) == (126, "bash: line 1: /usr/bin/ping: Operation not permitted\n")

    @pytest.mark.parametrize(("add", "said"), [("[]", "RTNETLINK answers: Operation not permitted\n"), ("[NET_ADMIN]", "")])
    def test_ip_needs_net_admin(self, in_debian, add, said):
        assert in_debian("ip link set lo down", context=f"{{capabilities: {{add: {add}}}}}").stderr == said

    def test_capsh_shows_what_eci_grants(self, in_debian):
        result = in_debian(
            "capsh --print | sed -n 's/^Bounding set =//p'", context="{capabilities: {drop: [ALL], add: [KILL]}}"
        )
        assert result.stdout == "cap_kill\n"

    @pytest.mark.parametrize(
        ("command", "said"),
        [
            ("unshare --uts true", "unshare: unshare failed: Operation not permitted\n"),
            ("mount -t tmpfs tmpfs /mnt", "mount: /mnt: permission denied."),
            ("sysctl -w net.ipv4.ip_forward=1", 'sysctl: permission denied on key "net.ipv4.ip_forward"\n'),
            ("echo 1 >/proc/sys/net/ipv4/ip_forward", "Read-only file system"),
            ("iptables -L", "Permission denied"),
        ],
    )
    def test_what_eci_does_not_grant_fails_as_there(self, in_debian, command, said):
        assert said in in_debian(command).stderr

    def test_the_named_user_runs_as_a_number_and_cannot_be_verified(self, in_debian):
        assert in_debian("id -un; id -u; pwd", image="debian:named-user") == (0, "app\n1000\n/home/app\n", "")
        refused = in_debian("true", image="debian:named-user", context="{runAsNonRoot: true}")
        assert "image has non-numeric user (app), cannot verify user is non-root" in refused.stderr

    def test_its_root_is_what_umoci_makes_of_it(self, debian, tmp_path):
        need("umoci")
        image = find_image("debian", debian)
        layout = tmp_path / "layout"
        layout.mkdir()
        (layout / "blobs").symlink_to(os.path.abspath(f"{debian}/blobs"))
        entry = next(entry for entry in index_of(debian) if entry["digest"] == image.digest)
        annotations = {"org.opencontainers.image.ref.name": "x"}
        (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        (layout / "index.json").write_text(
            json.dumps({"schemaVersion": 2, "manifests": [{**entry, "annotations": annotations}]})
        )
        run("umoci", "unpack", "--image", f"{tmp_path}/layout:x", tmp_path / "bundle")
        theirs, ours = tree(tmp_path / "bundle/rootfs"), tree(image.rootfs)
        assert {path for path in theirs | ours if ours.get(path) != theirs.get(path)} == set()
        assert len(ours) > 4000


def test_recipes_are_found_from_any_folder(tmp_path, store):
    command = [sys.executable, "-P", str(CHECKOUT / "ecirun/__main__.py"), "image", "build", "-q", "--store", store]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
