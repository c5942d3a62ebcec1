"""Resource quantities (apimachinery pkg/api/resource/quantity.go): `128Mi`, `0.5`, `1e3`, `250m`.

A quantity is exact down to a billionth, and what is smaller is rounded up to it, so a whole number of billionths holds it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from ecirun.record import Record

PATTERN = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}

MAX_BINARY = 2**63 - 1
MAX_EXPONENT = 100  # far beyond any amount; what is larger counts as this much
MAX_DIGITS = 1000

BILLION = 10**9

_PARTS = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)", re.DOTALL)
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]+)")

Format = Literal["DecimalSI", "BinarySI", "DecimalExponent"]


class BadQuantity(ValueError):
    """Not a quantity; the text is Kubernetes' reason."""


class Quantity(Record):
    """An amount in billionths, the family of suffixes it was written with, and its text where that is canonical already."""

    billionths: int
    format: Format = "DecimalSI"
    text: str = ""

    def value(self) -> int:
        """Whole units, rounded up (away from zero), as bytes of memory and environment variables are."""
        return self.scaled(1)

    def milli_value(self) -> int:
        """Thousandths, rounded up, as cpu is counted."""
        return self.scaled(1000)

    def scaled(self, per_unit: int) -> int:
        """How many parts, of which one unit has `per_unit`, rounded up."""
        return _divided_up(self.billionths * per_unit, BILLION)

    def divided_by(self, divisor: Quantity) -> int:
        """How many divisors it takes, rounded up, as resourceFieldRef counts (a divisor of 0 counts as 1)."""
        return _divided_up(self.billionths, divisor.billionths or BILLION)

    def canonical(self) -> str:
        """As Kubernetes prints it: no fraction, and the largest suffix of its family that loses nothing."""
        if self.text:
            return self.text
        if not self.billionths:
            return "0"
        whole, rest = divmod(self.billionths, BILLION)
        if self.format == "BinarySI" and not rest and abs(whole) >= 1024:
            return _with_binary_suffix(whole)
        return _with_decimal_suffix(self.billionths, exponent=self.format == "DecimalExponent")


@lru_cache(maxsize=1024)  # A file of many pods says the same few amounts again and again.
def parse_quantity(text: str) -> Quantity:
    """The exact quantity. Raises BadQuantity."""
    match = _PARTS.fullmatch(text)
    if not text or match is None:
        raise BadQuantity(f"quantities must match the regular expression '{PATTERN}'")
    sign, whole, fraction, suffix = match[1], match[2].lstrip("0") or "0", match[3] or "", match[4]
    if len(whole) + len(fraction) > MAX_DIGITS:
        raise BadQuantity("unable to parse numeric part of quantity")
    number = int(whole + fraction)
    if suffix in BINARY:
        billionths = min(_divided_up((number << BINARY[suffix]) * BILLION, 10 ** len(fraction)), MAX_BINARY * BILLION)
        form: Format = "BinarySI" if billionths >= BILLION or not billionths else "DecimalSI"
        canonical = not fraction and bool(number & 7)
    else:
        exponent, form = _exponent(suffix)
        places = exponent - len(fraction) + 9
        billionths = number * 10**places if places >= 0 else _divided_up(number, 10**-places)
        digits = whole + fraction
        canonical = places >= 0 and places % 3 == 0 and not digits.endswith("000") and digits[0] != "0"
    # Kubernetes keeps the text of a number that is canonical and short, whatever its sign and leading zeros.
    longest = 14 - BINARY[suffix] * 3 // 10 if suffix in BINARY else 18
    kept = canonical and len(whole) + len(fraction) <= longest
    return Quantity(-billionths if sign == "-" else billionths, form, text if kept else "")


def whole(text: str) -> int:
    """A quantity's whole units, rounded up, as memory in bytes is."""
    return parse_quantity(text).value()


def _exponent(suffix: str) -> tuple[int, Format]:
    if suffix in DECIMAL:
        return DECIMAL[suffix], "DecimalSI"
    if match := _EXPONENT.fullmatch(suffix):
        digits = match[1].lstrip("+-0")
        size = int(digits or "0") if len(digits) < 4 else MAX_EXPONENT
        return max(-MAX_EXPONENT, min(MAX_EXPONENT, -size if match[1].startswith("-") else size)), "DecimalExponent"
    raise BadQuantity("unable to parse quantity's suffix")


def _divided_up(number: int, divisor: int) -> int:
    quotient, rest = divmod(abs(number), divisor)
    return (quotient + bool(rest)) * (1 if number >= 0 else -1)


def _with_binary_suffix(number: int) -> str:
    thousands = 0
    while number % 1024 == 0:
        number //= 1024
        thousands += 1
    return f"{number}{('', *BINARY)[thousands]}"


def _with_decimal_suffix(billionths: int, *, exponent: bool) -> str:
    power = -9
    while billionths % 1000 == 0 and (exponent or power < 18):
        billionths //= 1000
        power += 3
    if exponent:
        return f"{billionths}e{power}" if power else str(billionths)
    return str(billionths) + next(suffix for suffix, size in DECIMAL.items() if size == power)
