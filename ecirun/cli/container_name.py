"""Which container of a pod a command means."""

from __future__ import annotations

from collections.abc import Callable

from ecirun.errors import PodNotFound
from ecirun.runtime import state


def container_named(record: state.PodRecord, name: str, say: Callable[[str], None]) -> str:
    """The container of that name, or the first, said where there are several.

    Raises PodNotFound with the names that there are.
    """
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
