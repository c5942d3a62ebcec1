"""SPEC on the command line → open files: a file, a folder, a pattern, standard input, or an example."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from ecirun.errors import SpecUnreadable
from ecirun.record import Record

EXAMPLE = "example:"
STDIN = "-"
SUFFIXES = (".yaml", ".yml", ".json")


class Source(Record):
    """One input. `among_others`: it came from a folder or stands beside others, so what holds no pod in it is passed over."""

    spec: str
    among_others: bool = False


def sources(specs: Sequence[str]) -> Iterator[Source]:
    """The inputs that the SPECs stand for, in order; those of a folder or a pattern sorted. Raises SpecUnreadable."""
    for spec in specs:
        if spec == STDIN or spec.startswith(EXAMPLE):
            yield Source(spec, len(specs) > 1)
        elif os.path.isdir(spec):
            yield from _folder(spec)
        elif any(sign in spec for sign in "*?[") and not os.path.lexists(spec):
            yield from _pattern(spec)
        else:
            yield Source(spec, len(specs) > 1)


def _folder(folder: str) -> Iterator[Source]:
    found = False
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.endswith(SUFFIXES) and not name.startswith("."):
                found = True
                yield Source(os.path.join(root, name), among_others=True)
    if not found:
        raise SpecUnreadable(
            f"Can't read {folder}: there is no file in it that ends in {', '.join(SUFFIXES)}",
            where=folder,
            hint="name a folder with manifests",
        )


def _pattern(pattern: str) -> Iterator[Source]:
    from glob import glob

    names = sorted(name for name in glob(pattern, recursive=True) if not os.path.isdir(name))
    if not names:
        raise SpecUnreadable(f"Can't read {pattern}: no file matches", where=pattern, hint="correct the pattern")
    for name in names:
        yield Source(name, among_others=True)


def open_spec(spec: str, stdin_name: str = "<stdin>") -> tuple[BinaryIO, str]:
    """The open input and the name by which findings call it. Raises SpecUnreadable."""
    if spec.startswith(EXAMPLE):
        from ecirun.examples import example

        return io.BytesIO(example(spec.removeprefix(EXAMPLE))), spec
    if spec == STDIN:
        return sys.stdin.buffer, stdin_name
    # A name need not be text; a report must be.
    shown = os.fsencode(spec).decode(errors="backslashreplace")
    try:
        return open(spec, "rb"), shown
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the name has a NUL"
        hint = "give a file, a folder, - for standard input, or example:NAME (see `ecirun examples`)"
        raise SpecUnreadable(f"Can't read {shown}: {reason}", where=shown, hint=hint) from None
