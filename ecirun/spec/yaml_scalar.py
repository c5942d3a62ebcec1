"""Plain YAML scalars as Kubernetes reads them.

Kubernetes reads YAML with go-yaml v2 (sigs.k8s.io/yaml), which is neither YAML 1.1 nor 1.2 nor what PyYAML does: `y` and
`on` are booleans, `0644` and `0o644` are both octal, `1:30` and dates are strings, `1e3` is a number, underscores are skipped.
Source of the rule: sigs.k8s.io/yaml goyaml.v2/resolve.go.
"""

from __future__ import annotations

import re
from functools import lru_cache

Scalar = None | bool | int | float | str

WORDS: dict[str, Scalar] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
for _word in ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"):
    WORDS[_word] = True
for _word in ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"):
    WORDS[_word] = False
for _word in (".nan", ".NaN", ".NAN"):
    WORDS[_word] = float("nan")
for _word in (".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"):
    WORDS[_word] = float("inf")
for _word in ("-.inf", "-.Inf", "-.INF"):
    WORDS[_word] = float("-inf")

_TAG = "tag:yaml.org,2002:"
DATE = (
    "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"([Tt ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.[0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})?)?"
)


@lru_cache(maxsize=4096)  # Every key is a plain scalar, and there are few different ones.
def plain(text: str) -> Scalar:
    """The value of a scalar that is written without quotes and without a tag."""
    if text in WORDS:
        return WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if len(text) < 19 and text.isdecimal() and text.isascii() and text[0] != "0":
        return int(text)
    return _number(text)


def _number(text: str) -> Scalar:
    """The value of a text that begins like a number."""
    # Few files have other numbers than whole ones, and compiling an expression takes a while.
    if text[0] == ".":
        # Behind a leading dot, underscores must stand between digits.
        is_fraction = re.fullmatch(r"\.[0-9]+(_[0-9]+)*([eE][-+]?[0-9]+(_[0-9]+)*)?", text)
        return _float(text.replace("_", ""), text) if is_fraction else text
    digits = text.replace("_", "")
    for pattern, base in (("0[xX][0-9a-fA-F]+", 16), ("0[bB][01]+", 2), ("0[oO][0-7]+", 8)):
        if re.fullmatch(f"[-+]?{pattern}", digits):
            number = int(digits, base)
            return number if _fits(number) else text
    if re.fullmatch("[-+]?0[0-7]+", digits) and _fits(int(digits, 8)):
        return int(digits, 8)
    if re.fullmatch("[-+]?(0|[1-9][0-9]{0,400})", digits) and _fits(int(digits)):
        return int(digits)
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", digits):
        return _float(digits, text)
    return int(digits[2:], 2) if re.fullmatch("0b[-+][01]{1,64}", digits) else text


def _fits(number: int) -> bool:
    return -(2**63) <= number < 2**64


def _float(digits: str, text: str) -> Scalar:
    number = float(digits)
    return text if number in (float("inf"), float("-inf")) else number


def tagged(text: str, tag: str) -> Scalar:
    """The value of a scalar with an explicit tag. Raises ValueError when the text does not fit the tag."""
    kind = tag.removeprefix(_TAG)
    if kind == "binary":
        return _binary(text)
    if kind == "timestamp":
        if re.fullmatch(DATE, text):
            return text
        raise ValueError(f"cannot decode !!str `{text}` as a !!timestamp")
    if kind not in ("null", "bool", "int", "float"):
        return text
    value = plain(text)
    found = {type(None): "null", bool: "bool", int: "int", float: "float"}.get(type(value), "str")
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if found != kind:
        raise ValueError(f"cannot decode !!{found} `{text}` as a !!{kind}")
    return value


def _binary(text: str) -> str:
    from ecirun.spec.base64_text import BadBase64, decoded

    try:
        return decoded(text).decode(errors="replace")
    except BadBase64:
        raise ValueError("!!binary value contains invalid base64 data") from None


def key_of_float(number: float) -> str:
    """A number as sigs.k8s.io/yaml makes a map's key of it: the shortest text that is the same 32-bit float."""
    from struct import pack, unpack

    try:
        single = unpack("f", pack("f", number))[0]
    except OverflowError:
        single = float("inf") if number > 0 else float("-inf")
    if single != single:
        return ".nan"
    if single in (float("inf"), float("-inf")):
        return ".inf" if single > 0 else "-.inf"
    digits = next(size for size in range(17) if unpack("f", pack("f", float(f"{single:.{size}e}")))[0] == single)
    mantissa, exponent = f"{single:.{digits}e}".split("e")
    if -4 <= int(exponent) < 6:
        return f"{single:.{max(digits - int(exponent), 0)}f}"
    return f"{mantissa}e{exponent}"
