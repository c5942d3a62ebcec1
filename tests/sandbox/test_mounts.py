"""What the workload sees where: root, /proc, /dev, /sys, volumes and the files that a kubelet manages."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.sandbox

VOLUME = "volumes: [{name: data, emptyDir: {}}]"
MOUNT = "volumeMounts: [{name: data, mountPath: /data}]"


@pytest.mark.parametrize("path", ["/file", "/tmp/file", "/etc/hosts", "/root/file", "/bin/busybox", "/run/file"])
def test_the_root_is_read_only(in_pod, path):
    result = in_pod(f"echo x > {path}")
    assert (result.code, result.stdout, result.stderr) == (1, "", f"sh: can't create {path}: Read-only file system\n")


def test_the_writable_root_is_thrown_away(in_pod):
    options = ("--writable-root",)
    first = in_pod("echo hello > /tmp/file && rm /bin/vi && cat /tmp/file && ls /bin/vi", options=options)
    assert (first.stdout, first.stderr) == ("hello\n", "ls: /bin/vi: No such file or directory\n")
    assert in_pod("ls /tmp /bin/vi", options=options).stdout == "/bin/vi\n\n/tmp:\n"


def test_the_mounts_are_those_of_the_plan(in_pod):
    result = in_pod(
        "cut -d' ' -f2-4 /proc/mounts | sed 's/,relatime//; s/,inode64//; s/,size=[0-9]*k//; s/,nr_inodes=[0-9]*//'"
    )
    lines = result.stdout.splitlines()
    mounts = {line.split()[0]: line.split()[1:] for line in lines}
    assert mounts["/"][1].split(",")[:2] == ["ro", "nodev"]
    assert mounts["/proc"] == ["proc", "rw,nosuid,nodev,noexec"]
    assert mounts["/proc/sys"] == ["proc", "ro,nosuid,nodev,noexec"]
    assert mounts["/sys"] == ["sysfs", "ro,nosuid,nodev,noexec"]
    assert mounts["/dev/shm"][0] == "tmpfs"
    assert mounts["/dev/mqueue"] == ["mqueue", "rw,nosuid,nodev,noexec"]


def test_every_mount_but_the_terminals_and_device_nodes_is_nodev(in_pod):
    result = in_pod("cat /proc/mounts")
    nodes = {"/dev/pts", *(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty"))}
    masked = {"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/latency_stats", "/proc/sched_debug", "/proc/interrupts"}
    for line in result.stdout.splitlines():
        _source, target, _type, options, *_rest = line.split()
        assert "nodev" in options.split(",") or target in nodes | masked, line


def test_dev_holds_what_containerd_puts_there(in_pod):
    result = in_pod(
        "cd /dev && ls -1 && for link in fd stdin stdout stderr ptmx; do readlink $link; done; "
        "stat -c '%t %T %a' null zero full random urandom tty"
    )
    assert result.stdout.split("\n")[:-1] == [
        *("fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout"),
        *("termination-log", "tty", "urandom", "zero"),
        *("/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2", "pts/ptmx"),
        *("1 3 666", "1 5 666", "1 7 666", "1 8 666", "1 9 666", "5 0 666"),
    ]


def test_the_device_nodes_work(in_pod):
    result = in_pod("head -c 3 /dev/zero | wc -c; head -c 3 /dev/urandom | wc -c; echo x > /dev/null; echo x > /dev/full")
    assert (result.stdout, result.stderr) == ("3\n3\n", "sh: write error: No space left on device\n")


def test_shared_memory_is_64_mib(in_pod):
    result = in_pod(
        "df -k /dev/shm | tail -n 1 | awk '{print $2}'; dd if=/dev/zero of=/dev/shm/f bs=1M count=65 2>&1 | head -n 1"
    )
    assert result.stdout == "65536\ndd: error writing '/dev/shm/f': No space left on device\n"


@pytest.mark.parametrize("path", ["/proc/kcore", "/proc/timer_list", "/proc/keys", "/proc/interrupts"])
def test_a_masked_file_is_empty(in_pod, path):
    assert in_pod(f"[ ! -e {path} ] || cat {path}") == (0, "", "")


@pytest.mark.parametrize("path", ["/proc/acpi", "/proc/scsi", "/sys/firmware"])
def test_a_masked_folder_is_empty_and_read_only(in_pod, path):
    result = in_pod(f"[ ! -d {path} ] || {{ ls -A {path}; touch {path}/x 2>&1 | sed 's/.*: //'; }}")
    assert result.stdout in ("", "Read-only file system\n")
    assert (result.code, result.stderr) == (0, "")


@pytest.mark.parametrize("path", ["/proc/sys/kernel/domainname", "/proc/irq/default_smp_affinity"])
def test_a_read_only_path_cannot_be_written(in_pod, path):
    assert in_pod(f"echo 1 > {path}").stderr == f"sh: can't create {path}: Read-only file system\n"


def test_sys_is_read_only(in_pod):
    result = in_pod("echo 1 > /sys/kernel/uevent_seqnum; mkdir /sys/kernel/x")
    assert result.stderr.count("Read-only file system") == 2


def test_the_kubelets_files(in_pod):
    result = in_pod("cat /etc/hostname; hostname; cat /etc/hosts; echo end > /dev/termination-log")
    hosts = (
        "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
        "fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n"
        "127.0.0.1\ttest\n"
    )
    assert result == (0, f"test\ntest\n{hosts}", "")


def test_the_host_name_is_the_specs_or_the_pods_cut_short(in_pod):
    assert in_pod("hostname", pod="hostname: other").stdout == "other\n"
    assert in_pod("hostname", name="a" * 62 + "-" + "b" * 5).stdout == "a" * 62 + "\n"


def test_an_empty_volume_can_be_written_by_everybody(in_pod):
    result = in_pod(
        "echo x > /data/f && stat -c '%a %u %g' /data /data/f",
        pod=f"securityContext: {{runAsUser: 5}}\n{VOLUME}",
        container=MOUNT,
    )
    assert result == (0, "777 0 0\n644 5 0\n", "")


def test_fs_group_owns_the_volume_and_what_is_made_in_it(in_pod):
    context = "securityContext: {runAsUser: 5, fsGroup: 2000}"
    result = in_pod("echo x > /data/f && stat -c '%a %g' /data /data/f", pod=f"{context}\n{VOLUME}", container=MOUNT)
    assert result == (0, "2777 2000\n644 2000\n", "")


def test_a_read_only_volume_cannot_be_written(in_pod):
    mount = "volumeMounts: [{name: data, mountPath: /data, readOnly: true}]"
    result = in_pod("touch /data/f", pod=VOLUME, container=mount)
    assert (result.code, result.stderr) == (1, "touch: /data/f: Read-only file system\n")


def test_a_volume_over_dev_shm_replaces_it(in_pod):
    volume = "volumes: [{name: data, emptyDir: {medium: Memory, sizeLimit: 128Mi}}]"
    mount = "volumeMounts: [{name: data, mountPath: /dev/shm}]"
    assert in_pod("df -k /dev/shm | tail -n 1 | awk '{print $2}'", pod=volume, container=mount).stdout == "131072\n"


def test_the_working_directory_is_made_when_it_is_missing(in_pod):
    assert in_pod("pwd", container="workingDir: /not/there/yet").stdout == "/not/there/yet\n"


def test_a_working_directory_that_is_a_file_is_refused(ecirun, pod_file):
    result = ecirun("run", pod_file(container="workingDir: /bin/busybox"), "--", "true")
    assert (result.code, result.stdout) == (125, "")
    assert result.stderr == (
        "ecirun: error: Can't enter working directory /bin/busybox: Not a directory\n    hint: set workingDir to a directory\n"
    )
