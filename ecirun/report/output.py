"""What every format of `check` is: something that takes verdicts one by one, so that a stream needs no memory."""

from __future__ import annotations

from typing import Protocol

from ecirun.record import Record
from ecirun.report.verdict import Verdict


class Head(Record):
    """Who judges: the policy's name, and the gates of the admission stage."""

    policy: str
    gates: str
    fail_on_warning: bool = False


class Tally(Record):
    """How it went, all in all."""

    pods: int = 0
    admitted: int = 0
    refused: int = 0
    errors: int = 0
    warnings: int = 0

    def plus(self, verdict: Verdict) -> Tally:
        """With one pod more."""
        refused = verdict.stage is not None
        return Tally(
            self.pods + 1,
            self.admitted + (not refused),
            self.refused + refused,
            self.errors + verdict.count("error"),
            self.warnings + verdict.count("warning"),
        )


class Output(Protocol):
    """One format, writing to one place."""

    def begin(self, head: Head) -> None:
        """Before the first pod."""

    def add(self, verdict: Verdict) -> None:
        """One pod."""

    def end(self, tally: Tally) -> None:
        """After the last pod."""
