"""The name of a pod on the command line, which the shell can complete."""

from __future__ import annotations

import os
from collections.abc import Callable

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


def container_named(record: state.PodRecord, name: str, say: Callable[[str], None]) -> str:
    """The container of that name, or the first, said where there are several.

    Raises PodNotFound with the names that there are.
    """
    from ecirun.errors import PodNotFound

    entries = record.state.get("containers", ())
    apps: list[str] = [entry["name"] for entry in entries if entry["role"] == "app"]
    there = [entry["name"] for entry in entries]
    if not name and apps:
        if len(apps) > 1:
            say(f'defaulted container "{apps[0]}" out of: {", ".join(apps)}')
        return apps[0]
    if name in there:
        return name
    raise PodNotFound(
        f'Can\'t find container "{name}" in pod "{record.name}"', hint="choose one of: " + (", ".join(there) or "none yet")
    )
