"""Plain YAML scalars as Kubernetes reads them.

Kubernetes reads YAML with go-yaml v2 (sigs.k8s.io/yaml), which is neither YAML 1.1 nor 1.2 nor what PyYAML does: `y` and
`on` are booleans, `0644` and `0o644` are both octal, `1:30` and dates are strings, `1e3` is a number, underscores are skipped.
Source of the rule: sigs.k8s.io/yaml goyaml.v2/resolve.go.
"""

from __future__ import annotations

import base64
import binascii
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

_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INTEGERS = (
    (re.compile(r"[-+]?0[xX][0-9a-fA-F]+"), 16),
    (re.compile(r"[-+]?0[bB][01]+"), 2),
    (re.compile(r"[-+]?0[oO]?[0-7]+"), 8),
    (re.compile(r"[-+]?(0|[1-9][0-9]*)"), 10),
)
_TAG = "tag:yaml.org,2002:"


@lru_cache(maxsize=4096)  # Every key is a plain scalar, and there are few different ones.
def plain(text: str) -> Scalar:
    """The value of a scalar that is written without quotes and without a tag."""
    if text in WORDS:
        return WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    digits = text.replace("_", "")
    for pattern, base in _INTEGERS:
        if pattern.fullmatch(digits):
            # int() knows 0o17 but not 017 for base 8.
            number = int(digits, base)
            return number if -(2**63) <= number < 2**64 else float(number)
    if _FLOAT.fullmatch(digits):
        return float(digits)
    return text


def tagged(text: str, tag: str) -> Scalar:
    """The value of a scalar with an explicit tag. Raises ValueError when the text does not fit the tag."""
    kind = tag.removeprefix(_TAG)
    if kind == "binary":
        try:
            return base64.b64decode("".join(text.split()), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise ValueError("!!binary value contains invalid base64 data") from None
    if kind not in ("null", "bool", "int", "float"):
        return text
    value = plain(text)
    found = {type(None): "null", bool: "bool", int: "int", float: "float"}.get(type(value), "str")
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if found != kind:
        raise ValueError(f"cannot decode !!{found} `{text}` as a !!{kind}")
    return value
