"""A container registry on the loopback: Debian's docker-registry, on a port that the kernel picks."""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from archives import sha256
from programs import need, run

USER, PASSWORD = "user", "secret"
# bcrypt of the password
HTPASSWD = "user:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n"
LISTENING = re.compile(r"listening on (127\.0\.0\.1:\d+)")


class Registry:
    """A running registry at `host`."""

    def __init__(self, host: str) -> None:
        self.host = host

    def push(self, source: str, name: str, *options: str) -> None:
        """Copy an image of one of skopeo's transports into the registry."""
        options = ("--dest-tls-verify=false", *options)
        run("skopeo", "copy", "--quiet", "--insecure-policy", *options, source, f"docker://{self.host}/{name}")

    def digest(self, name: str) -> str:
        """What the name stands for now."""
        raw = subprocess.run(
            ["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{self.host}/{name}"],
            capture_output=True,
            check=True,
        ).stdout
        return sha256(raw)


@contextlib.contextmanager
def registry(folder: Path, *, locked: bool = False) -> Iterator[Registry]:
    """A registry that keeps its images in the folder; with `locked`, one must log in."""
    need("docker-registry", "skopeo")
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["version: 0.1", f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}", 'http: {addr: "127.0.0.1:0"}']
    if locked:
        (folder / "htpasswd").write_text(HTPASSWD)
        lines.append(f"auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}")
    (folder / "config.yml").write_text("\n".join(lines) + "\n")
    command = ["docker-registry", "serve", str(folder / "config.yml")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stderr:
                if found := LISTENING.search(line):
                    break
            else:
                raise AssertionError("docker-registry did not start")
            # It says more than a pipe holds.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield Registry(found[1])
        finally:
            process.kill()
