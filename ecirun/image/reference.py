"""Image references, spelled out as docker does (distribution/reference, ParseNormalizedNamed and its grammar)."""

from __future__ import annotations

import re

from ecirun.errors import ImageNotFound
from ecirun.record import Record

LONGEST_NAME = 255
LONGEST = 1024
HINT = "write it as [REGISTRY/]NAME[:TAG] or [REGISTRY/]NAME@DIGEST"

COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
HOST = (
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
)
GRAMMAR = (
    rf"(?P<host>{HOST})/(?P<path>{COMPONENT}(?:/{COMPONENT})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[a-f0-9]{64}))?"
)
# Alibaba Cloud's copies of Docker Hub's official images, from every region and from inside a VPC.
ECI_HOST = r"registry[a-z0-9.-]*\.aliyuncs\.com"
ECI_FOLDER = "eci_open/"


class Reference(Record):
    """The parts of a reference: `tag` or `digest` is empty, never both; a digest makes a tag beside it meaningless."""

    host: str
    path: str
    tag: str
    digest: str

    @property
    def name(self) -> str:
        """Registry and repository."""
        return f"{self.host}/{self.path}"

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"


def parse(reference: str) -> Reference:
    """The parts, completed: `busybox` is docker.io/library/busybox:latest. Raises ImageNotFound for what is no reference."""
    head, slash, rest = reference.partition("/")
    if not slash or not ("." in head or ":" in head or head == "localhost" or head.lower() != head):
        spelled = f"docker.io/{reference}" if slash else f"docker.io/library/{reference}"
    elif head in ("index.docker.io", "docker.io"):
        spelled = f"docker.io/{rest}" if "/" in rest else f"docker.io/library/{rest}"
    else:
        spelled = reference
    match = re.fullmatch(GRAMMAR, spelled, re.ASCII) if len(spelled) <= LONGEST else None
    if match is None or len(match["host"]) + 1 + len(match["path"]) > LONGEST_NAME:
        reason = "invalid reference format"
        if spelled.lower() != spelled and len(spelled) <= LONGEST and re.fullmatch(GRAMMAR, spelled.lower(), re.ASCII):
            reason += ": repository name must be lowercase"
        raise ImageNotFound(f'Can\'t parse image reference "{reference[:LONGEST_NAME]}": {reason}', hint=HINT)
    digest = match["digest"] or ""
    return Reference(match["host"], match["path"], "" if digest else match["tag"] or "latest", digest)


def normalised(reference: str) -> str:
    """The reference, spelled out. Raises ImageNotFound."""
    return str(parse(reference))


def spellings(reference: str) -> tuple[str, ...]:
    """The names under which the image may be in the store: its own, and for one of ECI's public images that of the original."""
    parts = parse(reference)
    if parts.path.startswith(ECI_FOLDER) and re.fullmatch(ECI_HOST, parts.host):
        original = parts._replace(host="docker.io", path="library/" + parts.path.removeprefix(ECI_FOLDER))
        return str(parts), str(original)
    return (str(parts),)
