"""The escapes that JSON has and YAML has not: two halves that are one character above U+FFFF."""

from __future__ import annotations

import re

_HALF = r"u(d[{}][0-9a-f]{{2}})"
_ESCAPE = re.compile(rf"\\(?:{_HALF.format('89ab')}\\{_HALF.format('c-f')}|{_HALF.format('89a-f')}|.)", re.I | re.S)
# An escape that the text may end in the middle of; backslashes in pairs before it are escapes of their own.
_CUT = re.compile(r"(?<!\\)(?:\\\\)*(\\(?:u(?:[0-9a-f]{0,3}|d[89ab][0-9a-f]{2}(?:\\(?:u[0-9a-f]{0,3})?)?))?)\Z", re.I)


def as_yaml(text: str) -> str:
    """JSON text with each pair of halves as YAML's escape for it, and U+FFFD for a half alone, as Go reads it."""
    return _ESCAPE.sub(_in_yaml, text) if "\\u" in text else text


def whole_escapes(text: str) -> tuple[str, str]:
    """A part of JSON text, and what of its end has to wait for the next part."""
    cut = _CUT.search(text) if "\\" in text[-12:] else None
    return (text[: cut.start(1)], cut[1]) if cut else (text, "")


def _in_yaml(escape: re.Match[str]) -> str:
    high, low, alone = escape.groups()
    if high:
        return f"\\U{0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00:08X}"
    return "\\uFFFD" if alone else escape[0]
