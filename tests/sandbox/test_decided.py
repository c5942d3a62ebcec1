"""A plan that was decided once is taken again as long as all that it was made from is the same, and only then."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from running import Result, pod_yaml, run_ecirun

pytestmark = pytest.mark.sandbox

NAME = ("-q", "pod.yaml", "--", "hostname")


class Place:
    """A folder with a pod, where ecirun is called, and a cache of its own."""

    def __init__(self, folder: Path, store: Path) -> None:
        self.folder = folder
        self.store = store
        self.cache = folder / "cache"
        self.write()

    def write(self, **parts: str) -> None:
        (self.folder / "pod.yaml").write_text(pod_yaml(**{"name": "first", **parts}))

    def run(self, *words: str, env: dict[str, str] | None = None, input: str | None = None) -> Result:
        own = {"ECIRUN_CACHE": str(self.cache), "ECIRUN_STORE": str(self.store)}
        return run_ecirun("run", *words, cwd=self.folder, env={**own, **(env or {})}, input=input)

    def kept(self) -> list[Path]:
        return sorted(self.cache.rglob("*.json"))

    def mark(self, **changes: Any) -> Path:
        """Give the kept plan another host name, by which it is known when it is taken, and its inputs the changes."""
        (path,) = self.kept()
        record = json.loads(path.read_text())
        record["plan"] = record["plan"].replace('"hostname": "first"', '"hostname": "kept"')
        record["inputs"] |= changes
        path.write_text(json.dumps(record))
        return path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """With a store of its own, which a test may change; what is large in it is the tests' own store's."""
    store = tmp_path / "store"
    store.mkdir()
    for name in ("index.json", "oci-layout"):
        shutil.copy2(Path(os.environ["ECIRUN_STORE"]) / name, store / name)
    for name in ("blobs", "roots"):
        (store / name).symlink_to(Path(os.environ["ECIRUN_STORE"]) / name)
    folder = tmp_path / "here"
    folder.mkdir()
    return Place(folder, store)


def test_what_was_decided_is_taken_the_next_time(place):
    assert place.run(*NAME) == (0, "first\n", "")
    place.mark()
    assert place.run(*NAME) == (0, "kept\n", "")


def test_a_plan_is_nobody_elses_business(place):
    place.run(*NAME)
    assert [stat.S_IMODE(path.stat().st_mode) for path in place.kept()] == [0o600]


def test_every_pod_has_a_uid_of_its_own(place):
    place.run(*NAME)
    (path,) = place.kept()
    assert "uid" not in json.loads(json.loads(path.read_text())["plan"])
    assert len({recalled(place).uid for _time in range(3)}) == 3


def recalled(place: Place) -> Any:
    """The plan that this place's command finds, in this process."""
    from ecirun.cli.decided import recall

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ECIRUN_CACHE", str(place.cache))
        patch.setenv("ECIRUN_STORE", str(place.store))
        patch.chdir(place.folder)
        return recall(["run", *NAME])


INPUTS = ("words", "folder", "store", "usual_store", "spec", "text", "images", "dns", "boot", "python", "code")


def test_these_are_the_inputs(place):
    place.run(*NAME)
    (path,) = place.kept()
    assert tuple(json.loads(path.read_text())["inputs"]) == INPUTS


@pytest.mark.parametrize("name", INPUTS)
def test_it_is_not_taken_when_an_input_has_changed(place, name):
    place.run(*NAME)
    place.mark(**{name: "something else"})
    assert place.run(*NAME) == (0, "first\n", "")
    place.mark()
    assert place.run(*NAME) == (0, "kept\n", "")  # what was decided instead


def changed_spec(place: Place) -> None:
    place.write(name="second")


def changed_images(place: Place) -> None:
    os.utime(place.store / "index.json")


def changed_code(place: Place) -> None:
    """Nobody changes ecirun while its tests run; a plan of another one has another sum."""
    place.mark(code=[1, 2, 3])


@pytest.mark.parametrize(("change", "name"), [(changed_spec, "second"), (changed_images, "first"), (changed_code, "first")])
def test_it_is_not_taken_when_something_has_changed(place, change, name):
    place.run(*NAME)
    place.mark()
    change(place)
    assert place.run(*NAME) == (0, f"{name}\n", "")


def test_it_is_not_taken_in_another_folder_or_with_other_words(place, tmp_path):
    place.run(*NAME)
    place.mark()
    (tmp_path / "pod.yaml").write_text(pod_yaml(name="other"))
    here, place.folder = place.folder, tmp_path
    assert place.run(*NAME) == (0, "other\n", "")
    place.folder = here
    assert place.run("-q", "--name", "third", "pod.yaml", "--", "hostname") == (0, "first\n", "")


def test_it_is_not_taken_from_another_store(place, tmp_path):
    place.run(*NAME)
    place.mark()
    assert place.run(*NAME, env={"ECIRUN_STORE": os.environ["ECIRUN_STORE"]}) == (0, "first\n", "")


def test_an_image_that_lost_its_root_is_missed(place):
    place.run(*NAME)
    (place.store / "roots").unlink()
    assert place.run(*NAME) == (
        125,
        "",
        'ecirun: error: Can\'t use image "busybox": its unpacked root is missing\n'
        "    hint: run `ecirun image prune`, which unpacks it again\n",
    )


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "{}", '{"inputs": 1}', "null", '{"inputs": {"store": "x"}}'])
def test_what_is_no_plan_counts_for_nothing(place, text):
    place.run(*NAME)
    (path,) = place.kept()
    path.write_text(text)
    assert place.run(*NAME) == (0, "first\n", "")
    place.mark()
    assert place.run(*NAME) == (0, "kept\n", "")


def given_away(path: Path) -> None:
    os.chown(path, 1000, 1000)


def opened(path: Path) -> None:
    path.chmod(0o666)


def linked(path: Path) -> None:
    path.rename(path.with_suffix(".other"))
    path.symlink_to(path.with_suffix(".other"))


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("how", [given_away, opened, linked, piped])
def test_what_somebody_else_could_have_written_counts_for_nothing(place, how: Callable[[Path], None]):
    place.run(*NAME)
    how(place.mark())
    assert place.run(*NAME) == (0, "first\n", "")


def test_without_a_cache_nothing_is_kept(place):
    for _time in range(2):
        assert place.run(*NAME, env={"ECIRUN_CACHE": ""}) == (0, "first\n", "")
    assert place.kept() == []


def test_a_cache_that_cannot_be_written_does_no_harm(place):
    place.cache.write_text("a file in its place")
    assert place.run(*NAME) == (0, "first\n", "")


def test_there_are_not_too_many(place):
    folder = place.cache / "decided"
    folder.mkdir(parents=True)
    for number in range(64):
        (folder / f"{number}.json").write_text("{}")
    place.run(*NAME)
    assert len(place.kept()) == 1


DISK = "volumes: [{name: disk, emptyDir: {}}]"
MOUNT = "volumeMounts: [{name: disk, mountPath: /disk}]"
SHADOW = 'securityContext: {sysctls: [{name: vm.min_free_kbytes, value: "9000"}]}'
OWN_UID = "env: [{name: UID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}]"


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        pytest.param(
            (), {"pod": DISK, "container": "volumeMounts: [{name: disk, mountPath: /disk}]"}, id="a folder for volumes"
        ),
        pytest.param((), {"pod": SHADOW}, id="a sysctl of the host's"),
        pytest.param((), {"container": OWN_UID}, id="its uid"),
        pytest.param((), {"container": "imagePullPolicy: Always\nworkingDir: /"}, id="nothing: a recipe has no registry"),
        pytest.param(("--admission", "pss:privileged"), {}, id="admission"),
        pytest.param(("--with", "pod.yaml"), {}, id="objects beside it"),
        pytest.param(("--volume", "claim=."), {}, id="a folder of the user's"),
        pytest.param(("--policy", "./policy.toml"), {}, id="a policy of the user's"),
    ],
)
def test_a_plan_that_depends_on_more_is_not_kept(place, request, words, parts):
    (place.folder / "policy.toml").write_text('extends = "eci-2024-02-26"\nname = "own"\n')
    place.write(**parts)
    assert place.run(*words, *NAME)[:2] == (0, "first\n")
    assert len(place.kept()) == ("nothing" in request.node.callspec.id)


def test_nothing_that_was_said_is_left_out_the_next_time(place):
    place.write(pod="priorityClassName: some\nnodeName: somewhere", container="stdin: true")
    first = place.run("pod.yaml", "--", "hostname")
    assert first[:2] == (0, "first\n")
    assert first.stderr
    assert place.run("pod.yaml", "--", "hostname") == first
    assert place.kept() == []


def test_standard_input_and_examples_are_not_kept(place):
    assert place.run("-q", "-", "--", "hostname", input=pod_yaml(name="piped")) == (0, "piped\n", "")
    assert place.run("-q", "example:network", "--", "true") == (0, "", "")
    assert place.kept() == []


def test_what_launches_nothing_and_what_is_left_running_keeps_nothing(place):
    place.run("--dry-run", *NAME)
    place.run("-d", "pod.yaml", "--", "true")
    run_ecirun("rm", "--force", "first")
    assert place.kept() == []


def test_options_of_the_launch_count_all_the_same(place):
    words = ("-q", "--timeout", "0.2", "pod.yaml", "--", "sleep", "60")
    for _time in range(2):
        assert place.run(*words)[0] == 137
    assert len(place.kept()) == 1
