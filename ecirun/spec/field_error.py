"""The grammar of Kubernetes' field errors (apimachinery pkg/util/validation/field/errors.go), without the path."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def quoted(value: Any) -> str:
    """A value as a field error shows it: strings in quotes with escapes, everything else as JSON."""
    if isinstance(value, str):
        return '"' + "".join(_escaped(character) for character in value) + '"'
    if isinstance(value, float):
        return _number(value)
    return json.dumps(value, default=str, separators=(",", ":"))


def _number(value: float) -> str:
    """A number as encoding/json writes it: the shortest digits, without exponent from 1e-6 to below 1e21."""
    from decimal import Decimal

    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    if value and not 1e-6 <= abs(value) < 1e21:
        return repr(value).replace("e-0", "e-")
    return format(Decimal(repr(value)), "f").removesuffix(".0")


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    short = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\v": "\\v"}.get(character)
    if short:
        return short
    if character.isprintable():
        return character
    number = ord(character)
    if number < 0x80:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def invalid_value(value: Any, detail: str) -> str:
    """field.Invalid"""
    return f"Invalid value: {quoted(value)}: {detail}"


def unsupported_value(value: Any, supported: Iterable[str]) -> str:
    """field.NotSupported"""
    return f"Unsupported value: {quoted(value)}: supported values: " + ", ".join(quoted(entry) for entry in supported)


def required_value(detail: str = "") -> str:
    """field.Required"""
    return f"Required value: {detail}" if detail else "Required value"


def forbidden(detail: str) -> str:
    """field.Forbidden"""
    return f"Forbidden: {detail}"


def duplicate_value(value: Any) -> str:
    """field.Duplicate"""
    return f"Duplicate value: {quoted(value)}"


def not_found(value: Any) -> str:
    """field.NotFound"""
    return f"Not found: {quoted(value)}"
