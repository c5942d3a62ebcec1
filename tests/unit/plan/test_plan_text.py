"""The plan as a table."""

from __future__ import annotations

import pytest
from planned import facts, image, plan_of

from ecirun.report.plan_text import WIDTH, plan_text

WHOLE = """\
Pod default/test, judged by eci-2024-02-26

  host name     test
  network       loopback (lo)
  sysctls       net.core.somaxconn = 1024  pod     held by the pod's own namespaces
                vm.min_free_kbytes = 8     shadow  this kernel has one value for the
                                                   whole host

  warning:      sysctl vm.min_free_kbytes is only shown to the workload: this kernel has
                one value for the whole host

container main, image busybox (sha256:000000000000)

  user          1000 (app)  container runAsUser
  group         1001        image /etc/passwd (app)
  groups        8           pod fsGroup
                10          image /etc/group
                44          image /etc/group
                1001        image /etc/passwd (app)
  no_new_privs  no          default
  seccomp       Unconfined  default

  capabilities  default set, added NET_ADMIN; the five sets after exec:
  bounding      00000000a80435fb  CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID
                                  SETPCAP NET_BIND_SERVICE NET_ADMIN NET_RAW SYS_CHROOT
                                  MKNOD AUDIT_WRITE SETFCAP
  permitted     0000000000000000  none
  effective     0000000000000000  none
  inheritable   0000000000000000  none
  ambient       0000000000000000  none

  command       sh -c 'echo "two words"'
                from: spec command
  directory     / (umask 0022)
  environment   PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
                HOSTNAME=test
                GREETING=hello
                HOME=/home/app

  root          read-only; made for the pod: /data
  masked        /proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys
                /proc/latency_stats /proc/timer_list /proc/timer_stats /proc/sched_debug
                /proc/scsi /sys/firmware /sys/devices/virtual/powercap
  read-only     /proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger
  devices       null zero full random urandom tty: the host's, read-only
  mounts        /proc                 proc         nosuid nodev noexec
                /dev                  tmpfs        nosuid nodev mode=0755 size=65536k
                /sys                  sysfs        ro nosuid nodev noexec
                /data                 volume data  nodev
                /dev/pts              devpts       nosuid noexec ptmxmode=0666 mode=0620
                                                   gid=5
                /dev/shm              shm          nosuid nodev noexec
                /dev/mqueue           mqueue       nosuid nodev noexec
                /etc/hosts            file         ro nodev
                /etc/hostname         file         ro nodev
                /etc/resolv.conf      file         ro nodev
                /dev/termination-log  file         nosuid nodev noexec
                /sys/fs/cgroup        cgroup       ro nosuid nodev noexec

  note:         NET_ADMIN is added but out of reach for uid 1000: exec leaves every user
                but root the bounding set only; set-uid programs and programs with file
                capabilities can take from it
  note:         a device node that the workload makes itself exists but does not open:
                every mount is nodev
"""


def test_a_whole_plan():
    plan = plan_of(
        pod="""
securityContext:
  fsGroup: 8
  sysctls: [{name: net.core.somaxconn, value: "1024"}, {name: vm.min_free_kbytes, value: "010"}]
volumes: [{name: data, emptyDir: {}}]
""",
        container="""
command: [sh, -c, echo "two words"]
env: [{name: GREETING, value: hello}]
securityContext: {runAsUser: 1000, capabilities: {add: [NET_ADMIN]}}
volumeMounts: [{name: data, mountPath: /data}]
""",
        facts=facts(**{"net/core/somaxconn": ("writable", "128"), "vm/min_free_kbytes": ("writable", "67584")}),
    )
    assert plan_text(plan) == WHOLE


def lines(**parts) -> dict[str, str]:
    """The first line of each row, by its label."""
    found: dict[str, str] = {}
    for line in plan_text(plan_of(**parts)).splitlines():
        if line.startswith("  ") and line[2] != " ":
            label, _, rest = line.strip().partition("  ")
            found.setdefault(label, rest.strip())
    return found


def test_root_does_not_say_its_set_three_times():
    found = lines()
    assert found["capabilities"] == "default set; the five sets after exec:"
    assert found["permitted"] == found["effective"] == "00000000a80425fb  the same"
    assert lines(container="securityContext: {capabilities: {drop: [ALL]}}")["permitted"] == "0000000000000000  none"


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("plain", "plain"),
        ("", "''"),
        ("two words", "'two words'"),
        ("it's", "'it'\"'\"'s'"),
        ("a\nb", "$'a\\nb'"),
        ("it's\t", "$'it\\'s\\t'"),
        ("\x1b[31mred", "$'\\x1b[31mred'"),
        ("\udcff", "$'\\xff'"),
        ("☃", "'☃'"),
        ("\u202e", "$'\\u202e'"),
    ],
)
def test_a_command_is_shown_as_a_shell_would_take_it_and_cannot_move_the_cursor(word, shown):
    assert lines(command=("echo", word))["command"] == f"echo {shown}"


def test_a_word_without_end_is_cut():
    text = plan_text(plan_of(command=("echo", "x" * 300)))
    assert "x" * 240 + "…\n                (300 characters)\n" in text
    assert "x" * 241 not in text


def test_a_variable_with_line_feeds_stays_on_its_line():
    text = plan_text(plan_of(container='env: [{name: A, value: "one\\ntwo"}]'))
    assert "A=one\\ntwo\n" in text


@pytest.mark.parametrize(
    ("options", "row", "shown"),
    [
        ({"network": "none"}, "network", "none (lo stays down)"),
        ({"network": "bridge"}, "network", "bridge (lo, eth0)"),
        ({"writable_root": True}, "root", "writable, thrown away with the pod"),
        (
            {"container": "securityContext: {allowPrivilegeEscalation: false}"},
            "no_new_privs",
            "yes         container allowPrivilegeEscalation",
        ),
        (
            {"pod": "securityContext: {seccompProfile: {type: RuntimeDefault}}"},
            "seccomp",
            "RuntimeDefault  pod seccompProfile",
        ),
        ({"container": "workingDir: /tmp"}, "directory", "/tmp (umask 0022)"),
        ({}, "sysctls", "the kernel's defaults of a fresh namespace"),
    ],
)
def test_rows(options, row, shown):
    assert lines(**options)[row] == shown


def test_a_terminal_is_mentioned():
    assert "from: image CMD, on a terminal\n" in plan_text(plan_of(terminal=True))


def test_an_image_that_is_not_in_the_store():
    text = plan_text(plan_of(image=image(present=False, digest="")))
    assert "container main, image busybox (not in the store)\n" in text
    assert "  note:         image busybox is not in the store: assumed no USER, no /etc/passwd, no\n" in text


def test_no_line_is_longer_than_it_must_be():
    text = plan_text(plan_of(pod_name="a" * 60, command=("x",) * 200, container="env: [{name: A, value: " + "b " * 90 + "}]"))
    assert [line for line in text.splitlines() if len(line) > WIDTH and len(line.split()) > 2] == []
