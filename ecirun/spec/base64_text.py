"""Base64 as the API reads it into bytes (Go's encoding/base64, standard alphabet, strict about padding)."""

from __future__ import annotations

import binascii
import re

_NOT_IN_ALPHABET = re.compile("[^A-Za-z0-9+/\\r\\n]")


class BadBase64(ValueError):
    """Not base64; the text is Go's reason."""


def decoded(text: str) -> bytes:
    """The bytes that the text stands for; line breaks in it do not matter. Raises BadBase64."""
    body = text.rstrip("=\r\n")
    wrong = _NOT_IN_ALPHABET.search(body)
    if wrong:
        raise BadBase64(f"illegal base64 data at input byte {len(text[: wrong.start()].encode())}")
    joined = "".join(text.split())
    try:
        return binascii.a2b_base64(joined, strict_mode=True)
    except binascii.Error:
        raise BadBase64(f"illegal base64 data at input byte {len(joined) // 4 * 4}") from None
