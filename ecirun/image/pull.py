"""`ecirun image pull`: an image of a registry → the store, through skopeo, which knows registries, mirrors and credentials.

What the name stands for now is read first: an index of many platforms is chosen from here, and nothing is copied that the
store has. The image itself is then copied by digest, so a tag that moves meanwhile changes nothing.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from ecirun.errors import HostUnsupported
from ecirun.image import skopeo_folder
from ecirun.image.bad_image import BadImage, failing
from ecirun.image.documents import index_of, manifest_of, parse
from ecirun.image.draft import Draft
from ecirun.image.files import FolderFiles
from ecirun.image.install import Workshop, install
from ecirun.image.model import Image
from ecirun.image.platforms import choose
from ecirun.image.progress import SILENT, At, Progress
from ecirun.image.reference import Reference
from ecirun.image.reference import parse as parse_reference
from ecirun.image.store import REGISTRY_DIGEST, SOURCE, find_image
from ecirun.image.unpack.limits import DEFAULT_LIMITS, Limits

POLICIES = ("~/.config/containers/policy.json", "/etc/containers/policy.json")
LOOPBACK = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?")
MESSAGE = re.compile(r'level=fatal msg="((?:[^"\\]|\\.)*)"')
NOISE = re.compile(r'^(Error (parsing image name|reading manifest) "[^"]*": )+')
# What registries and the network say → what to do about it.
HINTS = (
    (("manifest unknown", "name unknown", "not known to registry", "not found"), "check the name, the tag and the registry"),
    (("unauthorized", "authentication required", "denied"), "log in first: skopeo login {host}"),
    (("server gave HTTP response",), "give the registry TLS, or list it as insecure in /etc/containers/registries.conf"),
    (("toomanyrequests",), "wait, or log in: skopeo login {host}"),
)
UNREACHABLE = "check the network, or load the image from a file with `ecirun image load`"
POLL = 0.1  # seconds between two looks at how much skopeo has written


def pull(reference: str, store: str, limits: Limits = DEFAULT_LIMITS, progress: Progress = SILENT) -> Image:
    """Bring the image of that name into the store, unless it has just that.

    Raises ImageNotFound for what is no reference, ImageBroken for what cannot be had, HostUnsupported without skopeo.
    """
    wanted = parse_reference(reference)
    if not can_pull():
        raise HostUnsupported(
            f'Can\'t pull image "{wanted}": skopeo is not here',
            hint="install it (sudo apt-get install skopeo), or load the image from a file with `ecirun image load`",
        )
    with failing(f'pull image "{wanted}"', store):
        manifest = _manifest(str(wanted), wanted)
        digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
        there = find_image(str(wanted), store)
        if there is not None and there.registry_digest == digest and os.path.isdir(there.rootfs):
            progress.say(f"{wanted} is up to date")
            return there
        with Draft(store) as draft:
            folder = draft.path / "pulled"
            _copy(wanted, *_choose(manifest, digest, wanted), folder, progress)
            found = skopeo_folder.image_in(FolderFiles(str(folder)), "")
            annotations = {SOURCE: "registry", REGISTRY_DIGEST: digest}
            return install(found._replace(annotations=annotations), [str(wanted)], Workshop(draft, limits, progress))


def can_pull() -> bool:
    """Whether skopeo is here."""
    return shutil.which("skopeo") is not None


def _manifest(name: str, wanted: Reference) -> bytes:
    """The manifest or index that the registry has under the name, to the byte."""
    command = _skopeo("inspect", "--raw", f"--tls-verify={_tls(wanted)}", f"docker://{name}")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        raise _failure(done.stderr, wanted)
    return done.stdout


def _choose(manifest: bytes, digest: str, wanted: Reference) -> tuple[str, int]:
    """The digest of the image for this machine, and the bytes of its blobs. Raises BadImage."""
    document = parse(manifest, "its manifest")
    for _nested in range(2):
        if "manifests" not in document:
            break
        digest = choose(index_of(document, "its index"), "its index").digest
        document = parse(_manifest(f"{wanted.name}@{digest}", wanted), "its manifest")
    image = manifest_of(document, "its manifest")
    return digest, image.config.size + sum(layer.size for layer in image.layers)


def _copy(wanted: Reference, digest: str, size: int, folder: Path, progress: Progress) -> None:
    """Let skopeo write the image into the folder, and tell how far it is by what is there."""
    source = f"docker://{wanted.name}@{digest}"
    command = _skopeo("copy", "--quiet", f"--src-tls-verify={_tls(wanted)}", source, f"dir:{folder}")
    environment = {**os.environ, "TMPDIR": str(folder.parent)}
    with (
        progress.task(f"pulling {wanted}", size) as at,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
        ) as skopeo,
    ):
        try:
            said = _wait(skopeo, folder, at)
        except BaseException:
            skopeo.kill()
            raise
    if skopeo.returncode != 0:
        raise _failure(said, wanted)


def _wait(skopeo: subprocess.Popen[bytes], folder: Path, at: At) -> bytes:
    while True:
        try:
            return skopeo.communicate(timeout=POLL)[1]
        except subprocess.TimeoutExpired:
            at(sum(entry.stat().st_size for entry in os.scandir(folder)) if folder.is_dir() else 0)


def _skopeo(*arguments: str) -> list[str]:
    """The command. Where no policy says which signatures an image needs, it needs none; skopeo would refuse to work."""
    any_policy = any(os.path.exists(os.path.expanduser(path)) for path in POLICIES)
    return ["skopeo", *([] if any_policy else ["--insecure-policy"]), *arguments]


def _tls(wanted: Reference) -> str:
    """Off for this machine itself, as docker does it."""
    return "false" if LOOPBACK.fullmatch(wanted.host) else "true"


def _failure(said: bytes, wanted: Reference) -> BadImage:
    """What skopeo said last, without its own envelope."""
    text = said.decode(errors="replace").strip()
    messages = MESSAGE.findall(text) or text.splitlines() or ["skopeo failed"]
    reason = messages[-1].replace('\\"', '"').replace("\\\\", "\\")
    hint = next((hint for signs, hint in HINTS if any(sign in reason for sign in signs)), UNREACHABLE)
    return BadImage(NOISE.sub("", reason), hint=hint.format(host=wanted.host))
