"""Archives that other tools make load and run: buildah, podman, skopeo, umoci, tar."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from programs import need, run

from ecirun.image.store import find_image

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with one image in all forms that the tools know. It says who runs it, and has a file capability in it."""
    need("buildah", "podman", "skopeo", "umoci", "setcap")
    place = tmp_path_factory.mktemp("tools")
    busybox = find_image("busybox", os.environ["ECIRUN_STORE"])
    assert busybox is not None
    where = ["--root", place / "root", "--runroot", place / "run", "--storage-driver", "vfs"]
    # Else podman leaves its locks in /dev/shm.
    (place / "containers.conf").write_text(f'[engine]\nlock_type = "file"\ntmp_dir = "{place}/libpod"\n')
    environment = {"TMPDIR": str(place), "HOME": str(place), "CONTAINERS_CONF": str(place / "containers.conf")}
    settings = {"env": {**os.environ, **environment}, "cwd": place}
    container = run("buildah", *where, "from", "scratch", **settings).strip()
    root = Path(run("buildah", *where, "mount", container, **settings).strip())
    for name in ("bin", "etc", "tmp"):
        (root / name).mkdir()
    (root / "bin/busybox").write_bytes(Path(busybox.rootfs, "bin/busybox").read_bytes())
    (root / "bin/busybox").chmod(0o755)
    (root / "etc/passwd").write_text("app:x:1000:1000::/:/bin/sh\n")
    run("setcap", "cap_net_raw+ep", root / "bin/busybox")
    run("buildah", *where, "umount", container, **settings)
    script = 'echo "$(/bin/busybox id -u) $GREETING $(/bin/busybox grep CapPrm /proc/self/status)"'
    how = ["--user", "app", "--env", "GREETING=hello", "--entrypoint", json.dumps(["/bin/busybox", "sh", "-c", script])]
    run("buildah", *where, "config", *how, container, **settings)
    run("buildah", *where, "commit", container, "localhost/made:1", **settings)
    for form in (
        "docker-archive:buildah-docker.tar:made:1",
        "oci-archive:buildah-oci.tar:made:1",
        "oci:buildah-layout:made:1",
        "dir:buildah-dir",
    ):
        run("buildah", *where, "push", "localhost/made:1", form, **settings)
    run("podman", *where, "save", "-o", "podman.tar", "localhost/made:1", **settings)
    run("podman", *where, "save", "--format", "oci-archive", "-o", "podman-oci.tar", "localhost/made:1", **settings)
    copy = ["skopeo", "copy", "--quiet", "--insecure-policy"]
    run(*copy, "oci-archive:podman-oci.tar", "docker-archive:skopeo-docker.tar:made:1", **settings)
    run(*copy, "oci-archive:podman-oci.tar", "oci:skopeo-layout:1", **settings)
    run(*copy, "--dest-compress", "--dest-compress-format", "zstd", "oci-archive:podman-oci.tar", "dir:skopeo-zstd", **settings)
    run("umoci", "unpack", "--image", "skopeo-layout:1", "bundle", **settings)
    (place / "bundle/rootfs/added").write_text("by umoci\n")
    run("umoci", "repack", "--image", "skopeo-layout:umoci", "bundle", **settings)
    run("tar", "-C", place / "bundle/rootfs", "--xattrs", "--xattrs-include=*", "-czf", "tar.tar.gz", ".", **settings)
    run("podman", *where, "rmi", "--all", "--force", **settings)
    return place


FORMS = [
    "buildah-docker.tar",
    "buildah-oci.tar",
    "buildah-layout",
    "buildah-dir",
    "podman.tar",
    "podman-oci.tar",
    "skopeo-docker.tar",
    "skopeo-layout",
    "skopeo-zstd",
]


def run_pod(ecirun, store: str, tmp_path: Path, image: str):
    pod = tmp_path / "pod.yaml"
    pod.write_text(
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: made}}\nspec: {{containers: [{{name: c, image: '{image}'}}]}}\n"
    )
    return ecirun("run", "-q", "--store", store, str(pod))


@pytest.mark.parametrize("form", FORMS)
def test_an_archive_of_another_tool_loads_and_runs(made, ecirun, store, tmp_path, form):
    if form == "skopeo-zstd":
        need("zstd")
    loaded = ecirun("image", "load", "-q", "--store", store, str(made / form))
    assert (loaded.code, loaded.stderr) == (0, "")
    name = loaded.stdout.split()[0]
    # A file capability gives to a user without any; NET_RAW is 1 << 13.
    assert run_pod(ecirun, store, tmp_path, name) == (0, "1000 hello CapPrm:\t0000000000002000\n", "")


def test_a_layout_that_umoci_changed_has_both_images(made, ecirun, store):
    loaded = ecirun("image", "load", "-q", "--store", store, str(made / "skopeo-layout"))
    names = sorted(line.split()[0] for line in loaded.stdout.splitlines())
    assert names == ["docker.io/library/skopeo-layout:1", "docker.io/library/skopeo-layout:umoci"]
    assert Path(find_image("skopeo-layout:umoci", store).rootfs, "added").read_text() == "by umoci\n"


def test_a_root_file_system_that_tar_packed_runs_with_a_config_of_its_own(made, ecirun, store, tmp_path):
    config = ["--config", "USER 1000", "--config", 'CMD ["/bin/busybox", "grep", "CapPrm", "/proc/self/status"]']
    loaded = ecirun("image", "load", "-q", "--store", store, "--ref", "tarred:1", *config, str(made / "tar.tar.gz"))
    assert (loaded.code, loaded.stderr) == (0, "")
    assert run_pod(ecirun, store, tmp_path, "tarred:1") == (0, "CapPrm:\t0000000000002000\n", "")
