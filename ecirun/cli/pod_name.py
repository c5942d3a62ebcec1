"""The name of a pod on the command line, which the shell can complete."""

from __future__ import annotations

import os

import click
from click.shell_completion import CompletionItem

from ecirun.runtime import state


class PodName(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.3
    """The name of a pod of this machine."""

    name = "pod"

    def shell_complete(self, _context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The pods whose names begin so."""
        return [CompletionItem(name) for name in state.names() if name.startswith(incomplete)]


class ContainerName(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.3
    """The name of a container of the pod that the command names."""

    name = "container"

    def shell_complete(self, context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The pod's containers whose names begin so."""
        record = state.read(state.STATE, context.params.get("pod") or _pod_in_the_words())
        containers = record.state.get("containers", ()) if record else ()
        return [CompletionItem(entry["name"]) for entry in containers if entry["name"].startswith(incomplete)]


def _pod_in_the_words() -> str:
    """The pod on the line that is completed: click reads no argument where an option still lacks its value."""
    words = os.environ.get("COMP_WORDS", "").split()
    return next((name for name in state.names() if name in words[2:]), "")
