"""What came of a program that was executed in a pod."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from ecirun.errors import EcirunError
from ecirun.record import Record

MOST_SHOWN = 2000  # characters of each stream in an error's text

Output = TypeVar("Output", bound=str | bytes)


class Result(Record, Generic[Output]):
    """How a program ended and what it wrote.

    `exit_code` is as a shell gives it: 128+n when signal n ended the program. `stdout` and `stderr` are str, or bytes with
    `text=False`. `elapsed` is in seconds. A result is true when the program succeeded:

    >>> bool(Result(("true",), 0, "", "", 0.001))
    True
    """

    argv: tuple[str, ...]
    exit_code: int
    stdout: Output
    stderr: Output
    elapsed: float

    def __bool__(self) -> bool:
        """Whether the program succeeded."""
        return self.exit_code == 0

    def check(self) -> Result[Output]:
        """This result, if the program succeeded. Raises ExecFailed with both streams if not.

        >>> Result(("cat", "note"), 0, "hello", "", 0.001).check().stdout
        'hello'
        """
        __tracebackhide__ = True
        if self.exit_code:
            raise ExecFailed(self)
        return self


class ExecFailed(EcirunError):
    """A program that should have succeeded did not; `result` has what it wrote.

    >>> print(ExecFailed(Result(("ls", "/nope"), 1, "", "ls: /nope: No such file or directory", 0.001)))
    `ls /nope` ended with 1
      stdout:
        (none)
      stderr:
        ls: /nope: No such file or directory
    """

    def __init__(self, result: Result[Any]) -> None:
        super().__init__(_told(f"`{_shown(result.argv)}` ended with {result.exit_code}", result.stdout, result.stderr))
        self.result = result

    def __reduce__(self) -> tuple[type[ExecFailed], tuple[Result[Any]]]:
        return ExecFailed, (self.result,)


class ExecTimeout(EcirunError):
    """A program was not done in time and was killed, with what it had started in its process group.

    `argv` is what ran, `timeout` how long it was waited for in seconds; `stdout` and `stderr` are what it had written: str, or
    bytes with `text=False`.

    >>> print(ExecTimeout(("sleep", "9"), 0.5, "", ""))
    `sleep 9` was not done after 0.5 s and was killed
      stdout:
        (none)
      stderr:
        (none)
    """

    def __init__(self, argv: tuple[str, ...], timeout: float, stdout: Any, stderr: Any) -> None:
        super().__init__(_told(f"`{_shown(argv)}` was not done after {timeout:g} s and was killed", stdout, stderr))
        self.argv = argv
        self.timeout = timeout
        self.stdout = stdout
        self.stderr = stderr

    def __reduce__(self) -> tuple[type[ExecTimeout], tuple[Any, ...]]:
        return ExecTimeout, (self.argv, self.timeout, self.stdout, self.stderr)


def _shown(argv: tuple[str, ...]) -> str:
    import shlex

    return shlex.join(argv)


def _told(what: str, stdout: str | bytes, stderr: str | bytes) -> str:
    lines = [what]
    for name, output in (("stdout", stdout), ("stderr", stderr)):
        text = output.decode(errors="replace") if isinstance(output, bytes) else output
        if len(text) > MOST_SHOWN:
            text = f"… {len(text) - MOST_SHOWN} characters …\n" + text[-MOST_SHOWN:]
        lines += [f"  {name}:", *(f"    {line}" for line in text.splitlines() or ["(none)"])]
    return "\n".join(lines)
