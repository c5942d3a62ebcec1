"""The pod as a whole: its names, files, mounts and root."""

from __future__ import annotations

import pytest
from planned import TREE, container_of, image, plan_of

from ecirun.errors import ImageBroken, LaunchFailed, UsageError

VOLUMES = "volumes: [{name: a, emptyDir: {}}, {name: b, emptyDir: {medium: Memory, sizeLimit: 2Mi}}]"


@pytest.mark.parametrize(
    "name", ["../x", "a/b", ".", "..", ".network", ".new-1", "UPPER", "a b", "a\nb", "-x", "x-", "ä", "a" * 254]
)
def test_a_name_that_would_be_no_folder_of_its_own(name):
    with pytest.raises(UsageError) as caught:
        plan_of(name=name)
    assert caught.value.message == (
        f"Can't name the pod {name!r}: a name has lower case letters, digits, - and . only, begins and ends with a letter or "
        "digit, and is no longer than 253 characters"
    )
    assert caught.value.hint == "choose another --name"


@pytest.mark.parametrize("name", ["a", "a.b", "a-b", "1", "a" * 253])
def test_a_name_that_is_one(name):
    assert plan_of(name=name).name == name


def test_without_a_name_the_pod_has_its_own():
    assert plan_of(name="").name == "test"


@pytest.mark.parametrize(
    ("spec", "pod_name", "hostname"),
    [
        ("", "web", "web"),
        ("hostname: other", "web", "other"),
        ("", "a.b", "a.b"),
        ("", "a" * 63, "a" * 63),
        ("", "a" * 64, "a" * 63),
        ("", "a" * 62 + "-b", "a" * 62),
        ("", "a" * 61 + ".b.c", "a" * 61 + ".b"),
        ("", "a" * 61 + "--b", "a" * 61),
    ],
)
def test_the_host_name(spec, pod_name, hostname):
    plan = plan_of(pod=spec, pod_name=pod_name, name="unimportant")
    assert plan.hostname == hostname
    assert {file.name: file.content for file in plan.files}["hostname"] == f"{hostname}\n"
    assert plan.containers[0].command.env["HOSTNAME"] == hostname


@pytest.mark.parametrize(
    ("network", "interfaces", "last"),
    [("loopback", ("lo",), "127.0.0.1\ttest"), ("none", (), "fe00::2\tip6-allrouters"), ("bridge", ("lo", "eth0"), None)],
)
def test_the_network_and_the_last_line_of_hosts(network, interfaces, last):
    plan = plan_of(network=network)
    hosts = {file.name: file.content for file in plan.files}["hosts"].splitlines()
    assert plan.network[:2] == (network, interfaces)
    assert hosts[0] == "# Kubernetes-managed hosts file."
    assert last is None or hosts[-1] == last


def targets(**parts):
    return [mount.target for mount in container_of(**parts).mounts]


def test_the_mounts_of_every_container():
    assert targets() == [
        *("/proc", "/dev", "/sys", "/dev/pts", "/dev/shm", "/dev/mqueue"),
        *("/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/termination-log", "/sys/fs/cgroup"),
    ]


@pytest.mark.parametrize(("mount_path", "there"), [("/sys", False), ("/sys/fs", False), ("/sys/fs/cgroup", True), ("/v", True)])
def test_under_a_volume_of_the_pods_no_control_groups_are_shown(mount_path: str, there: bool):
    found = targets(pod="volumes: [{name: v, emptyDir: {}}]", container=f"volumeMounts: [{{name: v, mountPath: {mount_path}}}]")
    assert ("/sys/fs/cgroup" in found) == there


@pytest.mark.parametrize(
    ("mount_path", "target"),
    [("/v", "/v"), ("/v/", "/v"), ("//v", "/v"), ("/v//w", "/v/w"), ("/v/./w", "/v/w"), ("/tmp", "/tmp")],
)
def test_a_mount_path_is_cleaned(mount_path, target):
    assert target in targets(pod=VOLUMES, container=f"volumeMounts: [{{name: a, mountPath: {mount_path}}}]")


def test_parents_are_mounted_before_what_is_in_them():
    mounts = "volumeMounts: [{name: a, mountPath: /v/w/x}, {name: b, mountPath: /v}, {name: b, mountPath: /etc}]"
    found = targets(pod=VOLUMES, container=mounts)
    assert found.index("/v") < found.index("/v/w/x")
    assert found.index("/etc") < found.index("/etc/hosts")


@pytest.mark.parametrize("target", ["/dev/shm", "/sys", "/etc/hosts", "/dev/termination-log", "/dev"])
def test_a_volume_takes_the_place_of_a_default_mount(target):
    tree = {path: kind for path, kind in TREE.items() if path != "etc/hosts"}
    planned = container_of(
        pod=VOLUMES,
        container=f"volumeMounts: [{{name: a, mountPath: {target}}}]",
        image=image(kind_of=lambda path: tree.get(path.strip("/"))),
    )
    assert [(mount.type, mount.source) for mount in planned.mounts if mount.target == target] == [("volume", "volume:a")]


@pytest.mark.parametrize(
    ("mounts", "made"),
    [
        ("[]", ()),
        ("[{name: a, mountPath: /tmp}]", ()),
        ("[{name: a, mountPath: /v}]", ("/v",)),
        ("[{name: a, mountPath: /v}, {name: b, mountPath: /v/w}]", ("/v",)),
        ("[{name: a, mountPath: /dev/shm/x}]", ()),
        ("[{name: a, mountPath: /etc}]", ()),
    ],
)
def test_only_a_place_that_is_missing_in_the_image_is_made(mounts, made):
    plan = container_of(pod=VOLUMES, container=f"volumeMounts: {mounts}")
    assert (plan.root.create, plan.root.overlay, plan.root.read_only) == (made, bool(made), True)


def test_an_image_without_the_files_of_the_kubelet_gets_places_for_them():
    plan = container_of(image=image(kind_of=lambda path: "dir" if path == "/" else None))
    assert set(plan.root.create) == {"/proc", "/dev", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}


def test_a_writable_root_is_an_overlay():
    plan = container_of(writable_root=True)
    assert (plan.root.create, plan.root.overlay, plan.root.read_only) == ((), True, False)
    assert {mount.target: mount.options for mount in plan.mounts}["/etc/hosts"] == ("nodev",)


@pytest.mark.parametrize("path", ["/bin/sh", "/etc/hosts", "/dev/null", "/dev/tty"])
def test_a_volume_cannot_be_mounted_on_a_file(path):
    with pytest.raises(LaunchFailed) as caught:
        container_of(pod=VOLUMES, container=f"volumeMounts: [{{name: a, mountPath: {path}}}]")
    assert caught.value.message == f'Can\'t mount volume "a" on {path}: it is not a directory in the image'
    assert caught.value.hint == "choose a mountPath that is a directory or does not exist"


def test_a_file_of_the_kubelet_cannot_be_mounted_on_a_directory():
    tree = TREE | {"etc/resolv.conf": "dir"}
    with pytest.raises(ImageBroken) as caught:
        container_of(image=image(kind_of=lambda path: tree.get(path.strip("/"))))
    assert caught.value.message == "Can't mount /etc/resolv.conf: it is a directory in the image"
    assert caught.value.hint == "make it a file in the image"


@pytest.mark.parametrize(
    ("limit", "size"),
    [
        ("", None),
        ("sizeLimit: 1Mi", 1048576),
        ("sizeLimit: 5k", 5000),
        ("sizeLimit: 100", 100),
        ("sizeLimit: 1.5Gi", 1610612736),
        ("sizeLimit: 1e3", 1000),
        ("sizeLimit: 1500m", 2),
    ],
)
def test_the_size_of_a_volume(limit, size):
    plan = plan_of(
        pod=f"securityContext: {{fsGroup: 7}}\nvolumes: [{{name: a, emptyDir: {{{limit}}}}}]",
        container="volumeMounts: [{name: a, mountPath: /a}]",
    )
    assert [(volume.name, volume.size, volume.gid) for volume in plan.volumes] == [("a", size, 7)]


def test_an_image_that_is_not_in_the_store_is_planned_with_what_had_to_be_assumed():
    plan = container_of(pod="securityContext: {runAsNonRoot: true}", image=image(present=False, cmd=(), passwd="", group=""))
    assert plan.command.argv == ("(the image's command)",)
    assert plan.assumptions == (
        "image busybox is not in the store: assumed no USER, no /etc/passwd, no ENTRYPOINT and no CMD",
        "runAsNonRoot depends on the image's USER: assumed that it is a uid other than 0, and shown as 0",
    )


def test_every_container_is_planned_in_the_order_of_its_start():
    init = "initContainers: [{name: first, image: busybox}, {name: aside, image: busybox, restartPolicy: Always}]"
    assert [(container.name, container.role) for container in plan_of(pod=init).all_containers] == [
        ("first", "init"),
        ("aside", "sidecar"),
        ("main", "app"),
    ]


def test_a_command_of_the_command_line_is_for_the_chosen_container_only():
    plan = plan_of(pod="initContainers: [{name: first, image: busybox}]", command=("x",))
    assert [container.command.argv for container in plan.all_containers] == [("sh",), ("x",)]
    assert plan.run_once == "main"
