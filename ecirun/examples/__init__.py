"""Example pods, shipped with ecirun; the first line of each is a comment that says what it shows."""

from __future__ import annotations

import os

from ecirun.errors import SpecUnreadable

ORDER = ("sysctl", "network", "network-admin", "non-root", "refused")


def example_names() -> tuple[str, ...]:
    """The names, in the order in which to read them."""
    return ORDER


def example(name: str) -> bytes:
    """The YAML of the example of that name. Raises SpecUnreadable with the names that there are."""
    if name not in ORDER:
        raise SpecUnreadable(f'Can\'t find example "{name}"', where=f"example:{name}", hint="choose one of " + ", ".join(ORDER))
    with open(os.path.join(os.path.dirname(__file__), f"{name}.yaml"), "rb") as stream:
        return stream.read()


def summary(name: str) -> str:
    """What the example shows, in one line."""
    return example(name).decode().partition("\n")[0].removeprefix("# ")
