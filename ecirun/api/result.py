"""What came of a program that was executed in a pod."""

from __future__ import annotations

import shlex
from typing import NamedTuple

from ecirun.errors import EcirunError

MOST_SHOWN = 2000  # characters of each stream in an error's text


class Result(NamedTuple):
    """How a program ended and what it wrote.

    `exit_code` is as a shell gives it: 128+n when signal n ended the program. `stdout` and `stderr` are str, or bytes with
    `text=False`. `elapsed` is in seconds. A result is true when the program succeeded:

    >>> bool(Result(("true",), 0, "", "", 0.001))
    True
    """

    argv: tuple[str, ...]
    exit_code: int
    stdout: str | bytes
    stderr: str | bytes
    elapsed: float

    def __bool__(self) -> bool:
        """Whether the program succeeded."""
        return self.exit_code == 0

    def check(self) -> Result:
        """This result, if the program succeeded. Raises ExecFailed with both streams if not."""
        if self.exit_code:
            raise ExecFailed(self)
        return self


class ExecFailed(EcirunError):
    """A program that should have succeeded did not; `result` has what it wrote."""

    def __init__(self, result: Result) -> None:
        super().__init__(_told(f"`{shlex.join(result.argv)}` ended with {result.exit_code}", result.stdout, result.stderr))
        self.result = result


class ExecTimeout(EcirunError):
    """A program was not done in time and was killed; `stdout` and `stderr` are what it had written, `timeout` is in seconds."""

    def __init__(self, argv: tuple[str, ...], timeout: float, stdout: str | bytes, stderr: str | bytes) -> None:
        super().__init__(_told(f"`{shlex.join(argv)}` was not done after {timeout:g} s and was killed", stdout, stderr))
        self.argv = argv
        self.timeout = timeout
        self.stdout = stdout
        self.stderr = stderr


def _told(what: str, stdout: str | bytes, stderr: str | bytes) -> str:
    lines = [what]
    for name, output in (("stdout", stdout), ("stderr", stderr)):
        text = output.decode(errors="replace") if isinstance(output, bytes) else output
        if len(text) > MOST_SHOWN:
            text = f"… {len(text) - MOST_SHOWN} characters …\n" + text[-MOST_SHOWN:]
        lines += [f"  {name}:", *(f"    {line}" for line in text.splitlines() or ["(none)"])]
    return "\n".join(lines)
