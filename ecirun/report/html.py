from __future__ import annotations

from typing import Any


class HtmlOutput:
    def __init__(self, write: Any, policy: Any) -> None:
        pass

    def begin(self, head: Any) -> None: ...
    def add(self, verdict: Any) -> None: ...
    def end(self, tally: Any) -> None: ...
