"""Resource quantities (apimachinery pkg/api/resource/quantity.go): `128Mi`, `0.5`, `1e3`, `250m`."""

from __future__ import annotations

import re
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

PATTERN = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}

_NUMBER = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(.*)", re.DOTALL)
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]{1,3})")


class BadQuantity(ValueError):
    """Not a quantity; the text is Kubernetes' reason."""


@lru_cache(maxsize=1024)  # A file of many pods says the same few amounts again and again.
def parse_quantity(text: str) -> Fraction:
    """The exact number that a quantity stands for. Raises BadQuantity."""
    # Few pods have quantities, and fractions takes long to import.
    from fractions import Fraction

    match = _NUMBER.fullmatch(text)
    if match is None:
        raise BadQuantity(_regular_expression())
    number: Fraction = Fraction(match[1].rstrip(".") or "0")
    suffix = match[2]
    if suffix in BINARY:
        return number * Fraction(1024 ** BINARY[suffix])
    if suffix in DECIMAL:
        return number * Fraction(10) ** DECIMAL[suffix]
    if exponent := _EXPONENT.fullmatch(suffix):
        return number * Fraction(10) ** int(exponent[1])
    raise BadQuantity("unable to parse quantity's suffix" if re.match(PATTERN, text) else _regular_expression())


def whole(text: str) -> int:
    """A quantity rounded up to a whole number, as memory in bytes is."""
    return ceil(parse_quantity(text))


def _regular_expression() -> str:
    return f"quantities must match the regular expression '{PATTERN}'"
