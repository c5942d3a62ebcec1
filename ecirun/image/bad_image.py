"""What can be wrong with an image or with the archive that holds it. Who meets it finishes the sentence: see `failing`."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from ecirun.errors import ImageBroken

HINT = "get the image again, or ask who made it: it is damaged, or was made to do harm"
LONGEST_SHOWN = 200  # characters of a name in a message


class BadImage(Exception):
    """What is wrong, as the end of a sentence, and what to do about it."""

    def __init__(self, reason: str, *, hint: str = HINT) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


@contextlib.contextmanager
def within(place: str) -> Iterator[None]:
    """Says of what is wrong inside where it is: `layer 1 of 2`, `member "x"`."""
    try:
        yield
    except BadImage as error:
        raise BadImage(f"{place}: {error.reason}", hint=error.hint) from None


@contextlib.contextmanager
def failing(what: str, store: str) -> Iterator[None]:
    """Turns what goes wrong inside into ImageBroken: `Can't load image.tar: layer 1 of 2: it is cut short`."""
    try:
        yield
    except BadImage as error:
        raise ImageBroken(f"Can't {what}: {error.reason}", hint=error.hint) from None
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = "check the disk, and the rights to what is read and written"
        if full:
            hint = f"free some space in {store}, or name another store with --store"
        place = f" ({error.filename})" if error.filename and not full else ""
        raise ImageBroken(f"Can't {what}: {error.strerror or error}{place}", hint=hint) from None


def shown(name: bytes) -> str:
    """A name of an archive as a message can show it: quoted, nothing in it that a terminal would obey, not endless."""
    text = name.decode(errors="backslashreplace")
    text = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
    return f'"{text}"' if len(text) <= LONGEST_SHOWN else f'"{text[:LONGEST_SHOWN]}…"'
