"""Images that try to lead the launch out of their own tree. Each has a marker on the host that must stay as it is."""

from __future__ import annotations

import os
import shutil
import stat
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from handmade import Change, Images, all_of, file, link, without
from running import Result

pytestmark = pytest.mark.sandbox

THROUGH_PROC = "it leads through /proc to a program outside the container\n    hint: name a program of the image"


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """A folder of the host with a file in it, to which an image's link leads."""
    folder = tmp_path / "marker"
    folder.mkdir()
    (folder / "hosts").write_text("untouched")
    return folder


def untouched(marker: Path) -> bool:
    return os.listdir(marker) == ["hosts"] and (marker / "hosts").read_text() == "untouched"


@pytest.mark.parametrize(
    ("name", "target", "options"),
    [
        ("proc", "{marker}", ()),
        ("proc", "/tmp", ("--writable-root",)),
        ("sys", "../../../../../../..{marker}", ()),
        ("sys", "nowhere", ("--writable-root",)),
        ("dev", "{marker}", ()),
        ("dev", "/proc/self/root", ()),
        ("dev", "{marker}", ("--writable-root",)),
    ],
)
def test_a_kernel_file_system_is_mounted_on_a_directory_only(images, in_image, marker, name, target, options):
    """CVE-2019-19921, CVE-2023-27561, CVE-2023-28642; runc mask.bats, crun test_dev_symlink_does_not_populate_outside_rootfs"""
    image = images.add(f"link-{name}-{len(images.entries)}", link(name, target.format(marker=marker)))
    result = in_image(image, ["true"], options=options)
    assert untouched(marker)
    assert result == (
        125,
        "",
        f"ecirun: error: Can't mount on /{name}: it must be mounted on ordinary directory, and the image has something else "
        f"there\n    hint: make /{name} a directory in the image\n",
    )


@pytest.mark.parametrize("name", ["proc", "dev"])
def test_a_file_is_no_place_for_a_kernel_file_system(images, in_image, name):
    result = in_image(images.add(f"file-{name}", file(name)), ["true"])
    assert (result.code, result.stdout) == (125, "")
    assert result.stderr.startswith(f"ecirun: error: Can't mount on /{name}: it must be mounted on ordinary directory")


@pytest.mark.parametrize("name", ["proc", "sys", "dev", "etc"])
def test_a_missing_mount_point_is_made_in_the_pod(images, in_image, name):
    result = in_image(images.add(f"without-{name}", without(name)), ["cat", "/proc/sys/kernel/hostname", "/etc/hostname"])
    assert result == (0, "test\ntest\n", "")


def test_what_the_image_has_in_dev_is_not_used(images, in_image, marker):
    """CVE-2025-31133, CVE-2025-52565: masks and consoles are bound from what is in /dev"""
    names = ("null", "zero", "full", "tty", "pts", "shm", "fd", "ptmx", "mqueue", "console", "termination-log")
    image = images.add("in-dev", all_of(*(link(f"dev/{name}", str(marker)) for name in names)))
    result = in_image(image, ["sh", "-c", "stat -c %t:%T /dev/null; cat /proc/keys; touch /dev/shm/f; ls /dev/mqueue"])
    assert result == (0, "1:3\n", "")
    assert untouched(marker)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("etc/hosts", "{marker}/hosts"),
        ("etc/hostname", "../../../../../..{marker}/hosts"),
        ("etc/resolv.conf", "/proc/1/root{marker}/hosts"),
        ("etc/resolv.conf", "/proc/self/cwd/hosts"),
        ("etc", "{marker}"),
        ("etc", "/proc/self/root/etc"),
    ],
)
def test_the_kubelets_files_never_land_on_the_host(images, in_image, marker, path, target):
    image = images.add(f"kubelet-{len(images.entries)}", link(path, target.format(marker=marker)))
    result = in_image(image, ["true"])
    assert untouched(marker)
    assert result.code in (0, 125)
    assert result.code == 0 or result.stderr.startswith("ecirun: error: Can't ")


def test_a_dangling_resolv_conf_as_ubuntu_has_it(images, in_image):
    """runc mounts.bats: bind mount through a trailing dangling symlink"""
    image = images.add("dangling", link("etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf"))
    result = in_image(image, ["sh", "-c", "cat /run/systemd/resolve/stub-resolv.conf; grep -c ' /run/systemd' /proc/mounts"])
    assert (result.code, result.stderr) == (0, "")
    assert result.stdout.endswith("options ndots:5\n1\n")


@pytest.mark.parametrize("target", ["{marker}", "../../../../../../..{marker}", "/proc/self/root{marker}", "/proc/1/cwd"])
def test_a_volume_is_mounted_inside_whatever_the_link_says(images, in_image, marker, target):
    """CVE-2021-30465"""
    image = images.add(f"volume-{len(images.entries)}", link("data", target.format(marker=marker)))
    result = in_image(
        image,
        ["sh", "-c", "touch /data/hosts; grep -c ' tmpfs rw' /proc/mounts >/dev/null"],
        pod="volumes: [{name: v, emptyDir: {}}]",
        container="volumeMounts: [{name: v, mountPath: /data}]",
    )
    assert untouched(marker)
    assert result.code in (0, 125)


@pytest.mark.parametrize(
    "path",
    ["/proc/self/fd/0", "/proc/self/cwd", "/proc/1/root/etc", "/proc/thread-self/cwd", "/dev/fd/1", "/out"],
)
def test_a_working_directory_is_never_entered_through_a_magic_link(images, in_image, path):
    """CVE-2024-21626"""
    image = images.add("working-directory", link("out", "/proc/self/cwd"))
    result = in_image(image, ["pwd"], container=f"workingDir: {path}")
    # To a process outside the pod its /proc has no "self" at all.
    reasons = ("Too many levels of symbolic links", "No such file or directory")
    assert result in [
        (
            125,
            "",
            f"ecirun: error: Can't enter working directory {path}: {reason}\n    hint: set workingDir to a directory\n",
        )
        for reason in reasons
    ]


def test_the_hosts_users_are_not_the_images(images, in_image):
    """A link to the host's passwd must lead inside, or a hostile image names users by the host's uids."""
    image = images.add("passwd-link", link("etc/passwd", "../../../../../../../../etc/passwd"), User="daemon")
    result = in_image(image, ["id"])
    assert result == (
        125,
        "",
        "ecirun: error: Can't find the user of container \"main\": no users found: the image's USER 'daemon' is not in its "
        "/etc/passwd\n    hint: set runAsUser\n",
    )


@pytest.mark.parametrize("kind", ["fifo", "directory", "device", "endless"])
def test_a_passwd_that_is_no_file_does_not_stop_the_launch(images, in_image, kind):
    def change(root: Path) -> None:
        passwd = root / "etc/passwd"
        passwd.unlink()
        if kind == "fifo":
            os.mkfifo(passwd)
        elif kind == "directory":
            passwd.mkdir()
        elif kind == "device":
            os.mknod(passwd, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero
        else:
            with passwd.open("wb") as stream:
                stream.truncate(1 << 40)

    image = images.add(f"passwd-{kind}", change)
    assert in_image(image, ["echo", "up"], container="securityContext: {runAsUser: 7}") == (0, "up\n", "")


def elf(interpreter: str, *, before: int = 0, size: int = 56, offset: int = 64) -> bytes:
    """A 64-bit ELF file of this machine that asks for the interpreter, with that many empty entries before that.

    `size` is what it says of the entries' size, and `offset` of where they are.
    """
    name = interpreter.encode() + b"\0"
    own = Path("/proc/self/exe").read_bytes()[:20]
    machine = struct.unpack("<H", own[18:20])[0]
    header = own[:16] + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, 0, offset, 0, 0, 64, size, before + 1, 0, 0, 0)
    entry = struct.pack("<IIQQQQQQ", 3, 4, 64 + 56 * (before + 1), 0, 0, len(name), len(name), 1)
    return header + bytes(56 * before) + entry + name


EXE = "/proc/self/exe"
ESCAPES: dict[str, tuple[Change, str]] = {
    "a link": (link("run", EXE), "/run"),
    "a link to a link": (all_of(link("run", "/hop"), link("hop", EXE)), "/run"),
    "a link up and down": (link("run", "../../proc/../proc/self/exe"), "/run"),
    "another process": (link("run", "/proc/1/exe"), "/run"),
    "a thread": (link("run", "/proc/thread-self/exe"), "/run"),
    "a script": (file("run", f"#!{EXE}\n", 0o755), "/run"),
    "a script with blanks": (file("run", f"#! \t {EXE} -c pass\n", 0o755), "/run"),
    "a script without an end": (file("run", f"#!{EXE}", 0o755), "/run"),
    "a script of a link": (all_of(file("run", "#!/hop\n", 0o755), link("hop", EXE)), "/run"),
    "a script of a script": (all_of(file("run", "#!/inner\n", 0o755), file("inner", f"#!{EXE}\n", 0o755)), "/run"),
}


@pytest.mark.parametrize("way", ESCAPES)
def test_the_launchers_own_program_is_never_executed(images, in_image, way):
    """CVE-2019-5736"""
    change, command = ESCAPES[way]
    result = in_image(images.add(f"exe-{list(ESCAPES).index(way)}", change), [command])
    assert (result.code, result.stdout) == (126, "")
    assert result.stderr.endswith(f'": {THROUGH_PROC}\n')


@pytest.mark.parametrize("command", [EXE, "/proc/self/root/bin/sh", "/dev/fd/1"])
def test_a_command_in_proc_is_refused(images, in_image, command):
    images.add("plain")
    assert in_image("plain", [command]) == (126, "", f'ecirun: error: Can\'t run "{command}": {THROUGH_PROC}\n')


def test_a_path_in_proc_is_not_searched(images, in_image):
    images.add("plain")
    result = in_image("plain", ["exe"], container="env: [{name: PATH, value: /proc/self}]")
    assert (result.code, result.stdout) == (126, "")
    assert result.stderr == f'ecirun: error: Can\'t run "/proc/self/exe": {THROUGH_PROC}\n'


def test_a_path_that_leads_in_a_circle_is_passed_over(images, in_image):
    images.add("circle", link("circle", "/circle"))
    search = "env: [{name: PATH, value: '/circle:/bin'}]"
    assert in_image("circle", ["true"], container=search) == (0, "", "")
    assert in_image("circle", ["nosuch"], container=search) == (
        127,
        "",
        'ecirun: error: Can\'t run "nosuch": not found in PATH=/circle:/bin\n    hint: check the command and the image\n',
    )


@pytest.mark.parametrize("before", [0, 1, 200, 1169], ids="{} entries before".format)
def test_an_elf_interpreter_in_proc_is_refused(images, in_image, before):
    """However far behind in its table, which has 1170 entries at most."""

    def change(root: Path) -> None:
        (root / "run").write_bytes(elf(EXE, before=before))
        (root / "run").chmod(0o755)

    result = in_image(images.add(f"elf-{before}", change), ["/run"])
    assert result == (126, "", f'ecirun: error: Can\'t run "{EXE}": {THROUGH_PROC}\n')


@pytest.mark.parametrize("broken", [{"size": 0}, {"size": 1}, {"offset": 1 << 62}, {"offset": (1 << 64) - 1}, {"before": 1170}])
def test_an_elf_file_whose_table_leads_nowhere_is_no_program(images, in_image, broken):
    def change(root: Path) -> None:
        (root / "run").write_bytes(elf(EXE, **broken))
        (root / "run").chmod(0o755)

    result = in_image(images.add("elf-" + "-".join(map(str, *broken.items())), change), ["/run"])
    assert (result.code, result.stdout) == (126, "")
    assert result.stderr.startswith('ecirun: error: Can\'t run "/run": ')


@pytest.mark.parametrize("kind", ["script", "elf"])
def test_a_relative_interpreter_is_found_where_the_kernel_finds_it(images, in_image, kind):
    """The decoy at /hop is harmless; the kernel takes hop of the working directory."""

    def change(root: Path) -> None:
        (root / "run").write_bytes(b"#!hop\n" if kind == "script" else elf("hop"))
        (root / "run").chmod(0o755)
        shutil.copy(root / "bin/busybox", root / "hop")
        (root / "x").mkdir()
        (root / "x/hop").symlink_to(EXE)

    result = in_image(images.add(f"relative-{kind}", change), ["/run"], container="workingDir: /x")
    assert result == (126, "", f'ecirun: error: Can\'t run "hop": {THROUGH_PROC}\n')


def with_mode(path: str, mode: int, uid: int = 0) -> Change:
    """A copy of the image's `syscalls` with that mode."""

    def change(root: Path) -> None:
        shutil.copy(root / "bin/syscalls", root / path)
        os.chown(root / path, uid, uid)
        (root / path).chmod(mode)

    return change


@pytest.mark.parametrize(("setting", "euid"), [("", 0), ("true", 0), ("false", 1000)])
def test_a_set_uid_program_is_as_allow_privilege_escalation_says(
    in_image: Callable[..., Result], images: Images, setting: str, euid: int
):
    """Kubernetes test/e2e/common/node/security_context.go: allowPrivilegeEscalation"""
    images.add("set-uid", with_mode("nonewprivs", 0o4755))
    escalation = f", allowPrivilegeEscalation: {setting}" if setting else ""
    result = in_image("set-uid", ["/nonewprivs", "ids"], container=f"securityContext: {{runAsUser: 1000{escalation}}}")
    assert result == (0, f"uid 1000 euid {euid} gid 0 egid 0\nids: ok\n", "")


def test_a_set_uid_program_gets_the_bounding_set_and_no_more(in_image, images):
    images.add("set-uid", with_mode("nonewprivs", 0o4755))
    command = ["/nonewprivs", "sethostname=x", "rawsocket", "bind=80"]
    context = "securityContext: {runAsUser: 1000, capabilities: {drop: [NET_RAW]}}"
    assert in_image("set-uid", command, container=context) == (
        2,
        "sethostname: Operation not permitted\nrawsocket: Operation not permitted\nbind: ok\n",
        "",
    )


def file_capability(path: str, number: int) -> Change:
    """A copy of `syscalls` with one capability, permitted and effective (struct vfs_cap_data, revision 2)."""

    def change(root: Path) -> None:
        shutil.copy(root / "bin/syscalls", root / path)
        os.setxattr(root / path, "security.capability", struct.pack("<IIIII", 0x02000001, 1 << number, 0, 0, 0))

    return change


def test_file_capabilities_reach_a_user_within_the_bounding_set(in_image, images):
    """capabilities(7); runc and containerd leave the bounding set to a non-root user for just this"""
    image = images.add("file-capability", all_of(file_capability("raw", 13), file_capability("admin", 12)))
    user = "securityContext: {runAsUser: 1000}"
    assert in_image(image, ["/raw", "rawsocket"], container=user) == (0, "rawsocket: ok\n", "")
    assert in_image(image, ["/bin/syscalls", "rawsocket"], container=user) == (1, "rawsocket: Operation not permitted\n", "")
    # NET_ADMIN is not in the set: the kernel does not even start the program.
    assert in_image(image, ["/admin", "ids"], container=user) == (
        126,
        "",
        'ecirun: error: Can\'t run "/admin": Operation not permitted\n'
        "    hint: check the file's mode, format and interpreter\n",
    )
    granted = "securityContext: {runAsUser: 1000, capabilities: {add: [NET_ADMIN]}}"
    assert in_image(image, ["/admin", "ids"], container=granted) == (0, "uid 1000 euid 1000 gid 0 egid 0\nids: ok\n", "")


def test_with_no_new_privs_a_shell_gains_nothing_from_file_capabilities(in_image, images):
    images.add("file-capability-2", file_capability("raw", 13))
    context = "securityContext: {runAsUser: 1000, allowPrivilegeEscalation: false}"
    result = in_image("file-capability-2", ["sh", "-c", "/raw rawsocket"], container=context)
    assert result == (1, "rawsocket: Operation not permitted\n", "")
