"""What callers give as a command, an environment or a choice, checked before it is on its way."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from ecirun.errors import UsageError

Word = str | os.PathLike[str]


def words(argv: Sequence[Word], what: str = "argv") -> tuple[str, ...]:
    """The words of a command. Raises TypeError or ValueError for what is none, as `subprocess` does."""
    if isinstance(argv, (str, bytes)):
        raise TypeError(f"{what} must be a list of words such as ['sh', '-c', 'true'], not one {type(argv).__name__}")
    found = tuple(os.fspath(word) for word in argv)
    if not found:
        raise ValueError(f"{what} has no words")
    for word in found:
        if not isinstance(word, str):
            raise TypeError(f"{what} must be a list of str, and has {word!r}")
        if "\0" in word:
            raise ValueError(f"{what} has a NUL in {word!r}")
    return found


def environment(env: Mapping[str, str] | None) -> dict[str, str]:
    """Environment variables. Raises TypeError or ValueError for what can be none."""
    found = dict(env or {})
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"env must map str to str, and has {name!r}: {value!r}")
        if not name or "=" in name or "\0" in name + value:
            raise ValueError(f"env has {name!r}: {value!r}, which can be no variable")
    return found


def choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Raises UsageError when the value is none of the choices."""
    if value not in choices:
        quoted = [repr(one) for one in choices]
        raise UsageError(f"Can't take {name}={value!r}: it is not {', '.join(quoted[:-1])} or {quoted[-1]}", hint="choose one")
