"""Options that several sub-commands share."""

from __future__ import annotations

from typing import Any

import click

from ecirun.cli import options as shared
from ecirun.errors import UsageError
from ecirun.image.unpack.limits import DEFAULT_LIMITS, Limits

store = shared.store
quiet = click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
max_size = click.option(
    "--max-size",
    default="32Gi",
    metavar="BYTES",
    show_default=True,
    help="The most that all files of an image may have together; Ki, Mi, Gi and Ti may follow.",
)
max_ratio = click.option(
    "--max-ratio",
    type=click.IntRange(min=1),
    default=DEFAULT_LIMITS.ratio,
    metavar="N",
    show_default=True,
    help="How many times its own size a layer of more than 64 MiB may unpack to.",
)
max_files = click.option(
    "--max-files",
    type=click.IntRange(min=1),
    default=DEFAULT_LIMITS.files,
    metavar="N",
    show_default=True,
    help="The most files that an image may have.",
)

UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}


def limits_of(given: dict[str, Any]) -> Limits:
    """The limits that the options set. Raises UsageError."""
    text = given["max_size"]
    digits, unit = (text[:-2], text[-2:]) if text[-2:] in UNITS else (text, "")
    if not (digits.isascii() and digits.isdigit()):
        raise UsageError(f'Can\'t use --max-size "{text}": no number of bytes', hint="write it like 64Gi")
    return Limits(int(digits) * UNITS.get(unit, 1), given["max_ratio"], given["max_files"])
