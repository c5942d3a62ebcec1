"""The store stays good: whatever is killed, full, damaged, or done twice at once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from archives import config_of, directory, docker_archive, file, layer, oci_layout, sha256, symlink, tree
from programs import need, run
from running import CHECKOUT, PROGRAM

from ecirun.image.check import Problem, check_store, mend_store
from ecirun.image.details import details_of
from ecirun.image.load import load
from ecirun.image.names import remove_image
from ecirun.image.store import list_images

pytestmark = pytest.mark.usefixtures("root")

BASE = layer(directory("etc"), file("etc/a", b"aaaa"), file("etc/b", b"b"), symlink("etc/l", "a"))
TOP = layer(file("etc/c", b"c"))
NAME = "docker.io/library/test:latest"


@pytest.fixture
def loaded(store, tmp_path):
    """An image of two layers in the store; what `inspect` says of it."""
    load(docker_archive(tmp_path / "a.tar", BASE, TOP), store)
    return details_of("test", store)


def blob(store: str, digest: str) -> Path:
    return Path(store, "blobs/sha256", digest.removeprefix("sha256:"))


def change_content(path: Path) -> None:
    """Other bytes of the same number at the same time."""
    status = path.stat()
    path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


ROOT_DAMAGES = {
    "content": (lambda root: change_content(root / "etc/a"), '"etc/a" has other content'),
    "size": (lambda root: (root / "etc/a").write_bytes(b"longer"), '"etc/a" has another size'),
    "time": (lambda root: os.utime(root / "etc/a", (1, 1)), '"etc/a" has another time'),
    "mode": (lambda root: (root / "etc/a").chmod(0o4755), '"etc/a" has another mode'),
    "mode of a directory": (lambda root: (root / "etc").chmod(0o700), '"etc" has another mode'),
    "owner": (lambda root: os.chown(root / "etc/a", 1, 1), '"etc/a" has another owner'),
    "attribute": (lambda root: os.setxattr(root / "etc/a", "user.x", b"1"), '"etc/a" has other attributes'),
    "added": (lambda root: (root / "etc/new").touch(), '"etc/new" was added'),
    "removed": (lambda root: (root / "etc/b").unlink(), '"etc/b" is missing'),
    "link": (
        lambda root: (
            (root / "etc/l").unlink(),
            os.symlink("b", root / "etc/l"),
            os.utime(root / "etc/l", (1_500_000_000,) * 2, follow_symlinks=False),
        ),
        '"etc/l" points elsewhere',
    ),
    "hard link": (
        lambda root: os.link(root / "etc/a", root / "etc/a2"),
        '"etc/a2" was added, "etc/a" has more or fewer hard links',
    ),
    "type": (lambda root: ((root / "etc/b").unlink(), (root / "etc/b").mkdir()), '"etc/b" is of another type'),
    "much": (
        lambda root: [(root / f"new{number}").touch() for number in range(5)],
        '"new0" was added, "new1" was added, "new2" was added, and more',
    ),
}


@pytest.mark.parametrize("damage", ROOT_DAMAGES)
def test_a_changed_root_is_found_and_mended(loaded, store, damage):
    before = tree(loaded["rootfs"])
    do_it, what = ROOT_DAMAGES[damage]
    do_it(Path(loaded["rootfs"]))
    message = f"its root was changed: {what}"
    assert check_store(store) == [Problem("root", NAME, message)]
    assert list(mend_store(store, {})) == [f"unpacked {NAME} again: {message}"]
    assert (check_store(store), tree(loaded["rootfs"])) == ([], before)


def test_a_root_that_a_pod_runs_on_is_not_replaced(loaded, store):
    Path(loaded["rootfs"], "new").touch()
    assert list(mend_store(store, {loaded["rootfs"]: "web"})) == [
        f'left {NAME} as it is, though its root was changed: "new" was added: pod "web" runs on it'
    ]
    assert Path(loaded["rootfs"], "new").exists()


def test_a_missing_root_is_found_and_mended(image, loaded, ecirun, store, pod_file):
    before = tree(loaded["rootfs"])
    shutil.rmtree(loaded["rootfs"])
    assert image("fsck", "-q") == (
        1,
        f"{NAME}: its root is missing\n    hint: run `ecirun image prune`, which unpacks it again\n",
        "",
    )
    pod = Path(pod_file())
    pod.write_text(pod.read_text().replace("image: busybox", "image: test"))
    assert ecirun("run", "--store", store, str(pod), "--", "true") == (
        125,
        "",
        'ecirun: error: Can\'t use image "test": its unpacked root is missing\n'
        "    hint: run `ecirun image prune`, which unpacks it again\n",
    )
    assert image("prune", "-q") == (0, f"unpacked {NAME} again: its root is missing\n", "")
    assert (image("fsck", "-q"), tree(loaded["rootfs"])) == ((0, "", ""), before)


BLOBS = {
    "layer 1 of 2": lambda image: image["layers"][0]["digest"],
    "layer 2 of 2": lambda image: image["layers"][1]["digest"],
    "its config": lambda image: image["config_digest"],
    "its manifest": lambda image: image["digest"],
}


@pytest.mark.parametrize("what", BLOBS)
@pytest.mark.parametrize(
    ("damage", "how"), [(Path.unlink, "its blob {0} is missing"), (change_content, "the content of its blob {0} is damaged")]
)
def test_a_missing_or_damaged_blob_is_found_and_its_image_removed(loaded, store, tmp_path, what, damage, how):
    digest = BLOBS[what](loaded)
    damage(blob(store, digest))
    message = f"{what}: {how.format(digest)}"
    assert check_store(store) == [Problem("blob", NAME, message)]
    assert next(mend_store(store, {})) == f"removed {NAME}: {message}"
    list(mend_store(store, {}))
    assert check_store(store) == []
    load(docker_archive(tmp_path / "a.tar", BASE, TOP), store)
    assert check_store(store) == []


def test_loading_an_image_again_mends_its_blobs(image, loaded, store, tmp_path):
    change_content(blob(store, loaded["layers"][0]["digest"]))
    blob(store, loaded["layers"][1]["digest"]).unlink()
    assert image("load", "-q", docker_archive(tmp_path / "a.tar", BASE, TOP)).code == 0
    assert image("fsck", "-q") == (0, "", "")


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"manifests": 1}', '{"manifests": [{"digest": "sha256:../../../../etc"}]}', '{"manifests": [1]}'],
)
def test_a_broken_index_is_found_and_started_anew(image, loaded, store, content):
    Path(store, "index.json").write_text(content)
    assert image("ls") == (
        125,
        "",
        f"ecirun: error: Can't read the store {store}: index.json is broken\n"
        "    hint: run `ecirun image prune` to start it anew, and load its images again\n",
    )
    found = image("fsck", "-q")
    assert (found.code, found.stdout.splitlines()[:2]) == (
        1,
        [
            "store: index.json is broken: the names of all images are lost",
            "    hint: run `ecirun image prune`, and load the images again",
        ],
    )
    assert image("prune", "-q").stdout.splitlines()[0] == "started index.json anew: it was broken"
    assert (image("fsck", "-q"), image("ls", "-o", "json").stdout) == (
        (0, "", ""),
        '{\n  "schema_version": 1,\n  "images": []\n}\n',
    )
    assert list(Path(store, "roots").iterdir()) == list(Path(store, "blobs/sha256").iterdir()) == []


def test_drafts_of_the_dead_are_found_and_removed(image, loaded, store):
    Path(store, "tmp/draft/root/deep").mkdir(parents=True)
    Path(store, "tmp/file").touch()
    hint = "    hint: run `ecirun image prune`, which removes it\n"
    assert image("fsck", "-q") == (
        1,
        "".join(f"store: draft {name} is left over: its maker was killed\n{hint}" for name in ("draft", "file")),
        "",
    )
    assert (
        image("prune", "-q").stdout == "removed draft draft: its maker was killed\nremoved draft file: its maker was killed\n"
    )
    assert (image("fsck", "-q"), os.listdir(f"{store}/tmp")) == ((0, "", ""), [])


def test_what_belongs_to_no_image_is_told_and_removed(image, loaded, store):
    needless = blob(store, sha256(b"needless"))
    needless.write_bytes(b"needless")
    Path(store, "roots", "0" * 64).mkdir()
    problems = json.loads(image("fsck", "-q", "-o", "json").stdout)
    assert problems["schema_version"] == 1
    assert [(problem["kind"], problem["message"]) for problem in problems["problems"]] == [
        ("unused", f"blob {needless.name} belongs to no image"),
        ("unused", f"root {'0' * 64} belongs to no image"),
    ]
    assert image("fsck", "-q").code == 0
    assert image("prune", "-q").code == 0
    assert image("fsck", "-q") == (0, "", "")


def test_a_store_that_is_not_there_is_in_order(image, store):
    assert (image("fsck"), image("prune"), image("ls", "-o", "json").code, Path(store).exists()) == (
        (0, "", ""),
        (0, "", ""),
        0,
        False,
    )


class TestRemoving:
    def test_the_last_name_takes_the_image_along(self, image, loaded, store):
        assert image("tag", "test", "other:1").code == 0
        assert image("rm", "test") == (0, f"untagged {NAME}\n", "")
        assert Path(loaded["rootfs"]).exists()
        assert image("rm", "other:1") == (0, f"untagged docker.io/library/other:1\ndeleted {loaded['digest']}\n", "")
        assert [list(Path(store, folder).iterdir()) for folder in ("roots", "blobs/sha256", "tmp")] == [[], [], []]
        assert image("fsck", "-q") == (0, "", "")

    @pytest.mark.parametrize("length", [12, 64, 71])
    def test_a_digest_or_its_beginning_takes_all_names(self, image, loaded, length):
        image("tag", "test", "other:1")
        wanted = loaded["digest"] if length == 71 else loaded["digest"][7 : 7 + length]
        result = image("rm", wanted)
        assert result.stdout == f"untagged docker.io/library/other:1\nuntagged {NAME}\ndeleted {loaded['digest']}\n"

    def test_what_other_images_need_stays(self, image, loaded, store, tmp_path):
        image("load", docker_archive(tmp_path / "b.tar", BASE, tags=["base:1"]))
        assert image("rm", "test").code == 0
        assert (image("fsck", "-q"), blob(store, sha256(BASE)).exists()) == ((0, "", ""), True)

    @pytest.mark.parametrize(
        ("wanted", "message", "hint"),
        [
            ("nosuch", 'Can\'t find image "nosuch" in the store {store}', "see `ecirun image ls`"),
            ("0123456789ab", 'Can\'t find image "0123456789ab" in the store {store}', "see `ecirun image ls`"),
        ],
    )
    def test_what_is_not_there_says_so(self, image, loaded, store, wanted, message, hint):
        for command in ("rm", "inspect"):
            assert image(command, wanted) == (125, "", f"ecirun: error: {message.format(store=store)}\n    hint: {hint}\n")


@pytest.mark.sandbox
def test_an_image_that_a_pod_runs_on_stays(ecirun, pod_file):
    store = os.environ["ECIRUN_STORE"]
    command = [*PROGRAM, "run", "-q", pod_file(), "--", "sh", "-c", "echo ready; sleep 1000"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as pod:
        assert pod.stdout.readline() == "ready\n"
        result = ecirun("image", "rm", "busybox")
        pod.kill()
    assert result == (
        125,
        "",
        'ecirun: error: Can\'t remove image "busybox": pod "test" runs on it\n    hint: stop the pod first\n',
    )
    assert ecirun("image", "ls", "--store", store).code == 0
    deadline = time.monotonic() + 10
    while os.path.exists("/run/ecirun/test") and time.monotonic() < deadline:
        ecirun("run", "-q", "--name", "sweeper", pod_file(), "--", "true")


class TestKilled:
    """By SIGKILL, at every step that the disk can see."""

    @pytest.mark.parametrize("call", ["rename", "link,linkat", "mkdir", "unlink"])  # which of two depends on Python
    def test_at_any_step_the_store_stays_good(self, store, tmp_path, call):
        need("strace")
        archive = docker_archive(tmp_path / "a.tar", BASE, TOP)
        script = f"from ecirun.image.load import load; load({archive!r}, {store!r})"
        for step in range(1, 60):
            inject = ["-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={step}"]
            command = ["strace", "-f", "-qq", "-o", "/dev/null", *inject, sys.executable, "-c", script]
            done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, check=False)
            there, _broken = list_images(store)
            if done.returncode == 0:
                break
            if there:
                assert len(tree(there[0].rootfs)) == 6
                remove_image("test", store, {})
        assert (step > 3, len(there)) == (True, 1)
        assert (check_store(store), os.listdir(f"{store}/tmp")) == ([], [])

    def test_a_load_that_waits_for_its_input(self, image, store, tmp_path):
        archive = Path(docker_archive(tmp_path / "a.tar", BASE)).read_bytes()
        command = [*PROGRAM, "image", "load", "-q", "--store", store, "-"]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as load:
            load.stdin.write(archive[:5000])
            load.stdin.flush()
            deadline = time.monotonic() + 10
            while not (os.path.isdir(f"{store}/tmp") and os.listdir(f"{store}/tmp")) and time.monotonic() < deadline:
                pass
            assert image("fsck", "-q") == (0, "", "")  # it lives
            load.kill()
        assert image("fsck", "-q").code == 1
        (draft,) = os.listdir(f"{store}/tmp")
        assert image("load", "-q", docker_archive(tmp_path / "a.tar", BASE)).code == 0
        assert (os.listdir(f"{store}/tmp"), image("fsck", "-q"), Path(store, "tmp", draft).exists()) == ([], (0, "", ""), False)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of two megabytes."""
    place = tmp_path / "small"
    place.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=2m,nr_inodes=500", "tmpfs", place)
    yield place
    run("umount", place)


@pytest.mark.parametrize(
    "members",
    [
        [file("big", os.urandom(3 << 20))],  # no room for the blob
        [file("big", os.urandom(1200 << 10))],  # no room for the root
        [directory(str(number)) for number in range(1000)],  # no inodes
    ],
)
def test_a_full_disk_is_told_and_leaves_a_good_store(ecirun, small_disk, tmp_path, members):
    store = str(small_disk / "store")
    assert ecirun("image", "load", "-q", "--store", store, docker_archive(tmp_path / "a.tar", BASE)).code == 0
    archive = docker_archive(tmp_path / "b.tar", layer(*members), tags=["big:1"])
    result = ecirun("image", "load", "-q", "--store", store, archive)
    assert result == (
        125,
        "",
        f"ecirun: error: Can't load {archive}: No space left on device\n"
        f"    hint: free some space in {store}, or name another store with --store\n",
    )
    assert ecirun("image", "fsck", "-q", "--store", store) == (0, "", "")
    assert os.listdir(f"{store}/tmp") == []
    assert ecirun("image", "ls", "--store", store).stdout.splitlines()[1].startswith(NAME)


def test_many_loads_and_prunes_at_once(image, store, tmp_path):
    archives = [
        docker_archive(tmp_path / f"{number}.tar", BASE, layer(file(f"{number}")), tags=[f"app:{number}", "app:any"])
        for number in range(2)
    ]
    commands = (
        [["load", "-q", archive] for archive in archives for _time in range(3)] + [["prune", "-q"]] * 2 + [["rm", "app:0"]]
    )
    running = [
        subprocess.Popen([*PROGRAM, "image", *command, "--store", store], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for command in commands
    ]
    for process, command in zip(running, commands, strict=True):
        stderr = process.communicate(timeout=60)[1]
        assert process.returncode == 0 or command[0] == "rm", stderr
    for archive in archives:
        assert image("load", "-q", archive).code == 0
    assert image("fsck", "-q") == (0, "", "")
    assert os.listdir(f"{store}/tmp") == []
    assert [line.split()[0] for line in image("ls").stdout.splitlines()[1:]] == [
        f"docker.io/library/app:{tag}" for tag in ("0", "1", "any")
    ]


def test_a_store_that_cannot_be_written_says_so(ecirun, tmp_path):
    (tmp_path / "file").touch()
    result = ecirun("image", "load", "-q", "--store", str(tmp_path / "file/store"), docker_archive(tmp_path / "a.tar", BASE))
    assert result == (
        125,
        "",
        f"ecirun: error: Can't write the store {tmp_path}/file/store: Not a directory\n"
        "    hint: run as its owner, or name another with --store\n",
    )


def test_nobody_else_can_reach_the_roots(loaded, store):
    assert [oct(Path(store, name).stat().st_mode & 0o777) for name in ("roots", "tmp")] == ["0o700", "0o700"]


def test_the_store_is_an_oci_layout_that_others_read(image, loaded, store, tmp_path):
    need("skopeo")
    run("skopeo", "copy", "--quiet", "--insecure-policy", f"oci:{store}:{NAME}", f"dir:{tmp_path}/copy")
    assert sha256((tmp_path / "copy/manifest.json").read_bytes()) == loaded["digest"]


def test_one_entry_of_an_image_with_a_pattern_for_a_name(image, tmp_path, store):
    """A recipe's image keeps its other names when a user's image takes one over."""
    assert image("build", "-q", "busybox").code == 0
    layout = oci_layout(tmp_path / "layout", BASE, name="busybox:latest", config=config_of([BASE]))
    assert image("load", "-q", layout.folder).code == 0
    assert os.path.exists(json.loads(image("inspect", "busybox").stdout)["rootfs"] + "/etc/a")
    found = json.loads(image("inspect", "registry.cn-shanghai.aliyuncs.com/eci_open/busybox:1.30").stdout)
    assert os.path.exists(found["rootfs"] + "/bin/busybox")
    assert image("rm", "busybox").code == 0
    assert image("build", "-q", "busybox", "--force").code == 0
    assert image("rm", "busybox").stdout.endswith(f"deleted {found['digest']}\n")
    assert image("ls").stdout.splitlines()[1:] == []
