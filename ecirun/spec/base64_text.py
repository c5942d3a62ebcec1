"""Base64 as the API reads it into bytes (Go's encoding/base64, standard alphabet, strict about padding)."""

from __future__ import annotations

import binascii
import re

_BREAKS = re.compile(b"[\r\n]")
_NOT_IN_ALPHABET = re.compile(b"[^A-Za-z0-9+/\r\n]")


class BadBase64(ValueError):
    """Not base64; the text is Go's reason."""


def decoded(text: str) -> bytes:
    """The bytes that the text stands for; line breaks in it do not matter. Raises BadBase64."""
    data = text.encode()
    joined = _BREAKS.sub(b"", data)
    try:
        # binascii alone takes padding behind a whole group.
        if len(joined) % 4 == 0 and not joined.endswith(b"==="):
            return binascii.a2b_base64(joined, strict_mode=True)
    except binascii.Error:
        pass
    raise BadBase64(f"illegal base64 data at input byte {_wrong_at(data)}")


def _wrong_at(data: bytes) -> int:
    """The place that Go blames: the character that does not fit, or the start of a group that is not whole."""
    wrong = _NOT_IN_ALPHABET.search(data)
    end = wrong.start() if wrong else len(data)
    over = len(_BREAKS.sub(b"", data[:end])) % 4
    if not wrong:
        return end - over
    if data[end] != ord("=") or over < 2:
        return end
    at = end + 1
    if over == 2:
        while data[at : at + 1] in (b"\r", b"\n"):
            at += 1
        if at == len(data):
            return at
        if data[at] != ord("="):
            return at - 1
        at += 1
    while data[at : at + 1] in (b"\r", b"\n"):
        at += 1
    return at
