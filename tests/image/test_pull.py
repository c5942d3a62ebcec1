"""Images come from a registry through skopeo, and by imagePullPolicy."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from archives import OciLayout, config_of, directory, file, layer, oci_layout
from programs import run
from registry import PASSWORD, USER, registry
from said import Said

from ecirun.errors import ImageBroken
from ecirun.image.obtain import obtain_image

pytestmark = pytest.mark.usefixtures("root")

FIRST, SECOND = (layer(directory("etc"), file("etc/version", b"%d" % number)) for number in (1, 2))


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A registry for the tests of this module."""
    with registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def push(hub, tmp_path):
    """Pushes an image of one layer under a name; the name with the registry."""
    count = iter(range(100))

    def push_layer(content: bytes, name: str, *options: str) -> str:
        layout = oci_layout(tmp_path / f"layout{next(count)}", content, name="x")
        hub.push(f"oci:{layout.folder}:x", name, *options)
        return f"{hub.host}/{name}"

    return push_layer


@pytest.fixture
def image(ecirun, store):
    """Runs `ecirun image … --store STORE`."""
    return lambda command, *arguments, **how: ecirun("image", command, *arguments, "--store", store, **how)


def version(image, name: str) -> str:
    return Path(json.loads(image("inspect", name).stdout)["rootfs"], "etc/version").read_text()


@pytest.mark.parametrize("format", ["oci", "v2s2"])
def test_a_tag_is_pulled_with_the_digest_that_the_registry_has(hub, push, image, format):
    name = push(FIRST, f"app-{format}:1", "--format", format)
    assert image("pull", "-q", name) == (0, f"{name} {hub.digest(f'app-{format}:1')}\n", "")
    assert version(image, name) == "1"
    found = json.loads(image("inspect", name).stdout)
    assert (found["source"], found["registry_digest"]) == ("registry", found["digest"])


def test_a_digest_is_pulled(hub, push, image):
    push(FIRST, "by-digest:1")
    name = f"{hub.host}/by-digest@{hub.digest('by-digest:1')}"
    assert image("pull", "-q", name) == (0, f"{name} {hub.digest('by-digest:1')}\n", "")
    assert version(image, name) == "1"


def test_an_image_pulled_by_tag_is_found_by_its_digest(hub, push, image):
    name = push(FIRST, "found:1")
    image("pull", name)
    assert version(image, f"{hub.host}/found@{hub.digest('found:1')}") == "1"


def test_what_is_up_to_date_is_not_pulled_again(push, image):
    name = push(FIRST, "fresh:1")
    first = image("pull", name)
    assert image("pull", name) == (0, first.stdout, f"ecirun: {name} is up to date\n")


def test_a_tag_that_moved_is_pulled_again(push, image):
    name = push(FIRST, "moving:1")
    image("pull", name)
    push(SECOND, "moving:1")
    assert image("pull", name).code == 0
    assert version(image, name) == "2"


def test_of_an_index_the_image_for_this_machine_is_pulled(hub, image, tmp_path):
    layout = OciLayout(tmp_path / "many")
    own = json.loads(config_of([]))["architecture"]
    entries = [
        {
            **layout.image(content, config=config_of([content], architecture=architecture)),
            "platform": {"os": "linux", "architecture": architecture},
        }
        for architecture, content in ((own, FIRST), ("s390x", SECOND))
    ]
    media_type = "application/vnd.oci.image.index.v1+json"
    index = json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": entries}).encode()
    layout.add(layout.blob(index, media_type), "x")
    hub.push(f"oci:{layout.folder}:x", "many:1", "--all")
    name = f"{hub.host}/many:1"
    assert image("pull", "-q", name) == (0, f"{name} {entries[0]['digest']}\n", "")
    assert json.loads(image("inspect", name).stdout)["registry_digest"] == hub.digest("many:1")
    assert "is up to date" in image("pull", name).stderr
    assert image("pull", "-q", f"{hub.host}/many@{hub.digest('many:1')}").stdout.split()[1] == entries[0]["digest"]


def test_a_foreign_image_says_what_it_is_for(hub, image, tmp_path):
    layout = OciLayout(tmp_path / "foreign")
    layout.add(layout.image(FIRST, config=config_of([FIRST], architecture="s390x")), "x")
    hub.push(f"oci:{layout.folder}:x", "foreign:1")
    own = json.loads(config_of([]))["architecture"]
    result = image("pull", "-q", f"{hub.host}/foreign:1")
    assert result.stderr.splitlines()[0] == (
        f'ecirun: error: Can\'t pull image "{hub.host}/foreign:1": it is for linux/s390x, and this machine is linux/{own}'
    )


def test_an_image_that_is_not_there_says_so(hub, push, image, store):
    push(FIRST, "there:1")
    result = image("pull", "-q", f"{hub.host}/there:2")
    assert result == (
        125,
        "",
        f'ecirun: error: Can\'t pull image "{hub.host}/there:2": reading manifest 2 in {hub.host}/there: '
        "manifest unknown: manifest unknown\n"
        "    hint: check the name, the tag and the registry\n",
    )
    assert not Path(store).exists()


def test_a_registry_that_cannot_be_reached_says_so(image):
    result = image("pull", "-q", "127.0.0.1:1/app:1")
    assert result == (
        125,
        "",
        'ecirun: error: Can\'t pull image "127.0.0.1:1/app:1": pinging container registry 127.0.0.1:1: '
        'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused\n'
        "    hint: check the network, or load the image from a file with `ecirun image load`\n",
    )


def test_without_skopeo_one_line_says_what_is_missing(ecirun, store, tmp_path):
    result = ecirun("image", "pull", "--store", store, "busybox", env={"PATH": str(tmp_path)})
    assert result == (
        125,
        "",
        'ecirun: error: Can\'t pull image "docker.io/library/busybox:latest": skopeo is not here\n'
        "    hint: install it (sudo apt-get install skopeo), or load the image from a file with `ecirun image load`\n",
    )


def test_credentials_come_from_the_usual_files(image, tmp_path):
    with registry(tmp_path / "locked", locked=True) as locked:
        layout = oci_layout(tmp_path / "layout", FIRST, name="x")
        locked.push(f"oci:{layout.folder}:x", "app:1", f"--dest-creds={USER}:{PASSWORD}")
        name = f"{locked.host}/app:1"
        refused = image("pull", "-q", name, env={"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)})
        assert (refused.code, refused.stderr.splitlines()[-1]) == (125, f"    hint: log in first: skopeo login {locked.host}")
        auth = tmp_path / "auth.json"
        login = ["skopeo", "login", "--tls-verify=false", "--authfile", auth, "-u", USER, "-p", PASSWORD, locked.host]
        run(*login)
        assert image("pull", name, env={"REGISTRY_AUTH_FILE": str(auth)}).code == 0
        assert version(image, name) == "1"


class TestPolicies:
    """imagePullPolicy, with Kubernetes' defaults."""

    @pytest.fixture
    def obtain(self, store):
        """What the image has that a container of that policy gets."""
        return lambda name, policy: Path(obtain_image(name, policy, store).rootfs, "etc/version").read_text()

    @pytest.mark.parametrize(
        ("tag", "policy", "version"),
        [
            ("1", None, "1"),
            ("1", "IfNotPresent", "1"),
            ("1", "Never", "1"),
            ("1", "Always", "2"),
            ("latest", None, "2"),
            ("latest", "IfNotPresent", "1"),
            ("latest", "Never", "1"),
        ],
    )
    def test_a_pulled_image_is_asked_for_again_by_kubernetes_rules(self, push, image, obtain, tag, policy, version):
        repository = f"policy-{tag}-{policy}".lower()
        name = push(FIRST, f"{repository}:{tag}")
        image("pull", name)
        push(SECOND, f"{repository}:{tag}")
        assert obtain(name, policy) == version

    @pytest.mark.parametrize("policy", [None, "IfNotPresent", "Always"])
    def test_a_missing_image_is_pulled(self, push, obtain, policy):
        assert obtain(push(FIRST, "missing:1"), policy) == "1"

    def test_a_missing_image_is_never_pulled_when_the_pod_says_so(self, push, ecirun, pod_file, store):
        name = push(FIRST, "missing:1")
        pod = Path(pod_file(container="imagePullPolicy: Never"))
        pod.write_text(pod.read_text().replace("image: busybox", f"image: {name}"))
        assert ecirun("run", "--store", store, str(pod)) == (
            125,
            "",
            f'ecirun: error: Container image "{name}" is not present with pull policy of Never\n'
            "    hint: load it from a file with `ecirun image load`\n",
        )

    def test_an_image_from_a_file_is_not_asked_for_unless_the_pod_says_always(self, hub, push, image, obtain, tmp_path):
        name = push(SECOND, "loaded:latest")
        layout = oci_layout(tmp_path / "local", FIRST)
        image("load", str(layout.folder), "--ref", name)
        assert obtain(name, None) == "1"
        assert obtain(name, "Always") == "2"

    def test_a_registry_that_is_gone_matters_only_when_the_pod_says_always(self, store, image, tmp_path):
        with registry(tmp_path / "short") as short:
            layout = oci_layout(tmp_path / "layout", FIRST, name="x")
            short.push(f"oci:{layout.folder}:x", "app:latest")
            name = f"{short.host}/app:latest"
            image("pull", name)
        said = Said()
        assert obtain_image(name, None, store, said).reference == name
        assert said.warnings[0].endswith("connection refused: took the one in the store")
        with pytest.raises(ImageBroken):
            obtain_image(name, "Always", store, said)


def test_a_pull_that_is_refused_leaves_a_good_store(push, image, store):
    name = push(layer(file("big", os.urandom(3 << 20))), "big:1")
    result = image("pull", "-q", "--max-size", "1Mi", name)
    assert (result.code, result.stderr.splitlines()[-1]) == (
        125,
        "    hint: raise the limit with --max-size, if you trust the image",
    )
    assert (image("fsck", "-q").code, os.listdir(f"{store}/tmp")) == (0, [])
