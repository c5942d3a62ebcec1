"""What stands beside a pod: ConfigMaps and Secrets of the same input and of `--with`, folders of `--volume`."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ecirun.cli import streams
from ecirun.errors import PodRefused, UsageError
from ecirun.spec.yaml_tree import MapNode


class Beside:
    """The objects that a pod can refer to, by kind, namespace and name. Of two with one name the later one counts."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], dict[str, bytes]] = {}
        self._broken = ""

    def learn(self, node: MapNode) -> None:
        """Take note of an object that holds no pod, if pods refer to its kind."""
        from ecirun.report.text import finding_text
        from ecirun.spec.companion import read_companion

        companion = read_companion(node)
        if companion is None:
            return
        for finding in companion.findings:
            streams.err(finding_text(finding))
            if finding.severity == "error":
                self._broken = f"{companion.kind} {companion.name}"
        self.objects[companion.kind, companion.namespace, companion.name] = dict(companion.data)

    def read(self, files: Iterable[str]) -> None:
        """Learn from the files of `--with`. Raises SpecUnreadable."""
        from ecirun.cli.sources import open_spec
        from ecirun.spec.read import stream_objects

        for name in files:
            stream, shown = open_spec(name)
            with stream:
                for node in stream_objects(stream, shown):
                    self.learn(node)

    def refuse_broken(self) -> None:
        """Raises PodRefused when one of them is not what the API takes."""
        if self._broken:
            raise PodRefused(
                f"Can't use {self._broken}: it is refused by the Kubernetes API's own rules",
                hint="correct what is said above; nothing was started",
            )


def claims_of(given: Iterable[str]) -> dict[str, str]:
    """The folders that `--volume NAME=DIR` maps to claims. Raises UsageError."""
    claims = {}
    for text in given:
        name, separator, folder = text.partition("=")
        if not separator or not name or not folder:
            raise UsageError(f"Can't map {text!r}: it is not NAME=DIR", hint="name a claim of the pod and a folder")
        if not os.path.isdir(folder):
            raise UsageError(
                f'Can\'t map a folder to claim "{name}": {folder} is not a directory', hint="make it, or name another"
            )
        claims[name] = os.path.realpath(folder)
    return claims
