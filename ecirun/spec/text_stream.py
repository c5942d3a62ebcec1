"""The bytes of a file → text, in parts, as libyaml asks for them."""

from __future__ import annotations

import codecs
from typing import BinaryIO

from ecirun.errors import SpecUnreadable

PART = 64 * 1024


class TextStream:
    """An open file that reads as UTF-8, or as UTF-16 where it begins with its mark.

    `failure` is why it could not be read on: libyaml hides what its reader raises.
    """

    def __init__(self, stream: BinaryIO, file: str) -> None:
        self.stream = stream
        self.file = file
        self.failure: SpecUnreadable | None = None
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.encoding = ""
        self.json: bool | None = None  # whether it begins as JSON does; None before there is any text
        self.waiting = ""  # the first part of an escape of JSON
        self.taken = 0  # bytes
        self.most = 4 * PART  # bytes that may be taken; the pure Python loader takes some already when it is made
        self.recent: list[str] = []  # the parts of the document that is being read
        self.length_before = 0  # how many characters were given out before these parts
        self.lines_before = 0  # and how many lines
        self.first_line = 0  # how many lines stand before the reader's first one
        self.again = ""  # what is read before anything else

    def allow(self, size: int, index: int) -> None:
        """Let `size` more bytes be read, for a document that begins at the character `index` or behind it."""
        self.most = self.taken + size
        while self.recent and self.length_before + len(self.recent[0]) <= index:
            part = self.recent.pop(0)
            self.length_before += len(part)
            self.lines_before += part.count("\n")

    def read(self, _size: int) -> str:
        """The next part, of whatever length; empty at the end."""
        if self.again:
            text, self.again = self.again, ""
            self.recent.append(text)
            return text
        while True:
            try:
                data = self.stream.read(PART)
            except OSError as error:
                raise self._fail(f"Can't read {self.file}: {error.strerror}", self.file, "") from None
            text = self._text(data)
            self.taken += len(data)
            if self.taken > self.most:
                raise self._failed(self.too_large())
            text = self._from_json(text, last=not data)
            if text or not data:
                self.recent.append(text)
                return text

    def rewind(self, index: int, line: int, column: int) -> bool:
        """Let a new reader begin at the character `index`, which is at that line and column, if JSON begins an object there."""
        rest = "".join(self.recent)[index - self.length_before :]
        if not self.json or not rest.startswith("{"):
            return False
        self.again = " " * column + rest
        self.recent, self.length_before, self.lines_before = [], 0, 0
        self.first_line += line
        return True

    def too_large(self) -> SpecUnreadable:
        """The error about an object that no API server would take."""
        return SpecUnreadable(
            f"Can't read {self.file}: it is larger than 3 MiB, the most that Kubernetes' API takes",
            where=self.file,
            hint="give only the pod",
        )

    def line(self, number: int) -> str:
        """The line of that number (from 0) when it is of the document that is being read, else nothing."""
        lines = "".join(self.recent).splitlines()
        at = number - self.lines_before
        return lines[at] if 0 <= at < len(lines) else ""

    def _text(self, data: bytes) -> str:
        if not self.encoding:
            self.encoding = "UTF-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "UTF-8"
            if self.encoding == "UTF-16":
                self.decoder = codecs.getincrementaldecoder("utf-16")()
            data = data.removeprefix(codecs.BOM_UTF8)
        kept = len(self.decoder.getstate()[0])  # of a character that the part before began
        try:
            text = self.decoder.decode(data, not data)
        except UnicodeDecodeError as error:
            line = self._lines_taken() + error.object.count(b"\n", 0, error.start) + 1
            at = self.taken - kept + error.start + 1
            why = f"it is not text: byte {at} is not {self.encoding}"
            raise self._fail(f"Can't read {self.file}:{line}: {why}", f"{self.file}:{line}", _GIVE_YAML) from None
        if "\0" in text:
            at = self.taken + text.index("\0") + 1
            raise self._fail(f"Can't read {self.file}: it is not text: byte {at} is NUL", self.file, _GIVE_YAML)
        return text

    def _from_json(self, text: str, *, last: bool) -> str:
        if self.json is None and text.strip():
            self.json = text.lstrip().startswith("{")
        if not self.json or not (self.waiting or "\\" in text):
            return text
        from ecirun.spec.json_escapes import as_yaml, whole_escapes

        text, self.waiting = whole_escapes(self.waiting + text)
        if last:
            text, self.waiting = text + self.waiting, ""
        return as_yaml(text)

    def _lines_taken(self) -> int:
        return self.first_line + self.lines_before + sum(part.count("\n") for part in self.recent)

    def _fail(self, message: str, where: str, hint: str) -> SpecUnreadable:
        return self._failed(SpecUnreadable(message, where=where, hint=hint))

    def _failed(self, failure: SpecUnreadable) -> SpecUnreadable:
        self.failure = failure
        return failure


_GIVE_YAML = "give a YAML or JSON file"
