"""Resource quantities (apimachinery pkg/api/resource/quantity.go): `128Mi`, `0.5`, `1e3`, `250m`."""

from __future__ import annotations

import re
from fractions import Fraction
from math import ceil

PATTERN = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}

_NUMBER = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(.*)", re.DOTALL)
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]{1,3})")


class BadQuantity(ValueError):
    """Not a quantity; the text is Kubernetes' reason."""


def parse_quantity(text: str) -> Fraction:
    """The exact number that a quantity stands for. Raises BadQuantity."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise BadQuantity(_regular_expression())
    number: Fraction = Fraction(match[1].rstrip(".") or "0")
    suffix = match[2]
    if suffix in BINARY:
        return number * Fraction(1024 ** BINARY[suffix])
    if suffix in DECIMAL:
        return number * _power_of_ten(DECIMAL[suffix])
    if exponent := _EXPONENT.fullmatch(suffix):
        return number * _power_of_ten(int(exponent[1]))
    raise BadQuantity("unable to parse quantity's suffix" if re.match(PATTERN, text) else _regular_expression())


def _power_of_ten(exponent: int) -> Fraction:
    return Fraction(10**exponent) if exponent >= 0 else Fraction(1, 10**-exponent)


def whole(text: str) -> int:
    """A quantity rounded up to a whole number, as memory in bytes is."""
    return ceil(parse_quantity(text))


def _regular_expression() -> str:
    return f"quantities must match the regular expression '{PATTERN}'"
