"""Root in a pod, with all that ECI grants, against the host: each test looks for its effect there."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from handmade import Images
from host import USER_KEYRING, keyctl, libc
from running import Result

pytestmark = pytest.mark.sandbox

EVERYTHING = "securityContext: {capabilities: {add: [NET_ADMIN, SYS_PTRACE]}}"

KEYCTL_SEARCH, KEYCTL_UNLINK = 10, 9
IPC_CREAT, IPC_RMID = 0o1000, 0


def has_user_namespaces() -> bool:
    return subprocess.run(["unshare", "-U", "true"], capture_output=True).returncode == 0


@pytest.fixture
def image(images: Images) -> str:
    return images.add("workload")


@pytest.fixture
def attack(in_image: Callable[..., Result], image: str) -> Callable[..., list[str]]:
    """Makes the calls of `syscalls` in a pod; what became of each."""

    def run(*calls: str, container: str = EVERYTHING) -> list[str]:
        result = in_image(image, ["syscalls", *calls], container=container)
        assert result.stderr == ""
        return [line.partition(": ")[2] for line in result.stdout.splitlines()]

    return run


def disk() -> tuple[str, str]:
    """Major and minor number of a disk of this machine; without one, of the first that a machine would have."""
    for line in Path("/proc/partitions").read_text().splitlines()[2:]:
        return line.split()[0], line.split()[1]
    return "8", "0"


def test_a_node_of_the_hosts_disk_opens_nowhere(in_image, image):
    """MKNOD is a default capability: on a mount without nodev this would read and write the host's disk."""
    places = "/dev /dev/shm /volume /memory /tmp /root /mnt /etc".split()
    major, minor = disk()
    script = f"""
        for place in {" ".join(places)}; do
            mknod $place/disk b {major} {minor} && chmod 777 $place/disk || echo no node in $place
            cat $place/disk >/dev/null
            echo >$place/disk
        done 2>&1
        ls -l {" ".join(f"{place}/disk" for place in places)} | cut -c1 | tr -d '\\n'
    """
    result = in_image(
        image,
        ["sh", "-c", script],
        options=("--writable-root",),
        pod="volumes: [{name: v, emptyDir: {}}, {name: m, emptyDir: {medium: Memory}}]",
        container="volumeMounts: [{name: v, mountPath: /volume}, {name: m, mountPath: /memory}]",
    )
    expected = [
        line
        for place in places
        for line in (
            f"cat: can't open '{place}/disk': Permission denied",
            f"sh: can't create {place}/disk: Permission denied",
        )
    ]
    assert result.stdout.splitlines() == [*expected, "b" * len(places)]


def test_what_only_the_administrator_of_the_host_may(attack):
    """Each of these changes the whole machine or makes the pod's walls thinner."""
    calls = (
        *("mount=tmpfs,/mnt", "mount=proc,/mnt", "mount=sysfs,/mnt", "mount=cgroup2,/mnt", "mount=cgroup,/mnt,pids"),
        *("remount=/", "remount=/proc/sys", "remount=/sys", "umount=/proc/sys", "umount=/proc/keys", "umount=/dev/null"),
        *("sethostname=x", "reboot", "settime", "setns=/proc/1/ns/net", "setns=/proc/self/ns/mnt"),
    )
    assert dict(zip(calls, attack(*calls), strict=True)) == dict.fromkeys(calls, "Operation not permitted")


def test_no_file_of_the_kernel_can_be_written(attack):
    """CVE-2025-52881 and older ways out: programs that the kernel runs as root of the host, and the machine's own switches"""
    paths = (
        *("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hotplug", "/proc/sys/kernel/panic"),
        *("/proc/sys/vm/overcommit_memory", "/proc/sys/fs/file-max", "/proc/sys/net/ipv4/ip_forward", "/proc/sysrq-trigger"),
        *("/proc/sys/fs/binfmt_misc/register", "/proc/irq/default_smp_affinity", "/proc/kcore", "/proc/sys/kernel/hostname"),
        *("/sys/kernel/uevent_helper", "/sys/power/state", "/sys/fs/cgroup/release_agent", "/sys/kernel/mm/ksm/run"),
    )
    said = dict(zip(paths, attack(*(f"write={path},x" for path in paths)), strict=True))
    assert set(said.values()) <= {"Read-only file system", "No such file or directory"}
    assert said["/proc/sys/kernel/core_pattern"] == said["/sys/power/state"] == "Read-only file system"


def test_the_hosts_processes_cannot_be_named(attack):
    """kill(2) and ptrace(2) take pids of the pod's own namespace."""
    with subprocess.Popen(["sleep", "60"]) as victim:
        said = attack(f"kill={victim.pid},9", f"ptrace={victim.pid}", "kill=-1,9")
        alive = victim.poll() is None
        victim.kill()
    assert (said, alive) == (["No such process"] * 3, True)


def test_what_lives_in_the_hosts_namespaces_is_out_of_reach(attack):
    """CVE-2020-15257: abstract sockets belong to a network namespace, System V memory to an IPC namespace"""
    key = 0x65636972
    identifier = libc.shmget(key, 4096, IPC_CREAT | 0o600)
    assert identifier >= 0
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("\0ecirun-attack")
            listener.listen()
            said = attack("abstract=ecirun-attack", f"shmget={key}")
    finally:
        libc.shmctl(identifier, IPC_RMID, None)
    assert said == ["Connection refused", "No such file or directory"]


@pytest.mark.skipif(not has_user_namespaces(), reason="no user namespaces can be made here")
def test_root_of_a_user_namespace_cannot_take_the_covers_away(attack):
    """A copy of a mount tree in another user namespace keeps its covers locked; a new procfs would show too much."""
    calls = (
        *("umount=/proc/keys", "umount=/proc/sys", "remount=/proc/sys", "remount=/sys", "remount=/", "mount=proc,/mnt"),
        *("mount=sysfs,/mnt", "write=/proc/sys/kernel/core_pattern,x", "mknod=/dev/shm/n,c,1,3", "settime", "reboot"),
    )
    said = dict(zip(("userns", *calls), attack("userns", *calls), strict=True))
    assert [call for call, answer in said.items() if answer == "ok"] == ["userns"]


@pytest.mark.skipif(not has_user_namespaces(), reason="no user namespaces can be made here")
@pytest.mark.parametrize(
    "kind",
    [
        "cgroup2,/mnt",
        "cgroup,/mnt,freezer",
        "cgroup,/mnt,devices",
        "cgroup,/mnt,pids",
        "cgroup,/mnt,memory",
        "cgroup,/mnt,cpu",
    ],
)
def test_root_of_a_user_namespace_makes_no_control_group_of_the_host(attack, kind):
    """CVE-2022-0492 without its release agent: the mount of a hierarchy shows the groups of all below the reader's own"""
    attack("userns", f"mount={kind}", "mkdir=/mnt/ecirun-attack")
    made = list(Path("/sys/fs/cgroup").glob("**/ecirun-attack"))
    for path in made:
        path.rmdir()
    assert made == []


@pytest.mark.xfail(
    not any("nsdelegate" in line for line in Path("/proc/mounts").read_text().splitlines()),
    strict=True,
    reason="root owns its own group's files, and only a version 2 mounted with nsdelegate keeps it from writing them",
)
@pytest.mark.skipif(not has_user_namespaces(), reason="no user namespaces can be made here")
def test_root_of_a_user_namespace_keeps_the_limits_it_was_given(attack):
    said = [attack("userns", f"mount={kind}", "write=/mnt/pids.max,max")[-1] for kind in ("cgroup2,/mnt", "cgroup,/mnt,pids")]
    assert "ok" not in said


@pytest.fixture
def victim() -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """A process of the host in a version 2 control group beside the pod's."""
    points = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if line.split()[2] == "cgroup2"]
    own = next((line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")), "/")
    if not points:
        pytest.skip("no control groups of version 2 here")
    group = Path(points[0] + own.rstrip("/")) / "attack-victim"
    group.mkdir()
    process = subprocess.Popen(["sleep", "60"])
    (group / "cgroup.procs").write_text(str(process.pid))
    yield group, process
    process.kill()
    process.wait()
    # The group is busy until the last of the process is gone.
    for _ in range(100):
        with contextlib.suppress(OSError):
            group.rmdir()
            break
        time.sleep(0.02)


@pytest.mark.skipif(not has_user_namespaces(), reason="no user namespaces can be made here")
def test_root_of_a_user_namespace_kills_no_process_of_the_host(attack, victim):
    group, process = victim
    attack("userns", "mount=cgroup2,/mnt", f"write=/mnt/{group.name}/cgroup.kill,1")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0.5)


FILTERED = EVERYTHING.removesuffix("}") + ", seccompProfile: {type: RuntimeDefault}}"
NO_FILTER = "Kubernetes' default is no seccomp filter, and the user keyring of uid 0 is one for the host and every pod"


@pytest.mark.parametrize(
    "container", [FILTERED, pytest.param(EVERYTHING, marks=pytest.mark.xfail(strict=True, reason=NO_FILTER))]
)
def test_the_hosts_keys_are_out_of_reach_and_none_is_left_behind(attack, container):
    """The keyring of a user belongs to the uid in its user namespace: root of the pod is root of the host."""
    calls = (f"keysearch={USER_KEYRING},ecirun-secret", "keysearch=-3,ecirun-secret", f"keyadd={USER_KEYRING},ecirun-planted")
    libc.syscall(add_key_number(), b"user", b"ecirun-secret", b"x", 1, USER_KEYRING)
    try:
        said = attack(*calls, container=container)
        planted = keyctl(KEYCTL_SEARCH, USER_KEYRING, b"user", b"ecirun-planted", 0)
    finally:
        for name in (b"ecirun-secret", b"ecirun-planted"):
            key = keyctl(KEYCTL_SEARCH, USER_KEYRING, b"user", name, 0)
            if key > 0:
                keyctl(KEYCTL_UNLINK, key, USER_KEYRING)
    refused = "Operation not permitted" if container == FILTERED else "Required key not available"
    assert (*said[:2], planted) == (refused, refused, -1)


def test_behind_a_filter_root_makes_no_namespaces(attack):
    assert attack("userns", container=FILTERED) == ["Operation not permitted"]


def add_key_number() -> int:
    return 248 if os.uname().machine == "x86_64" else 217
