"""`-o FORMAT[=FILE]`: the formats of `check`, and the files that they go to."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TextIO

from ecirun.cli import streams
from ecirun.cli.status_file import is_stream
from ecirun.errors import UsageError
from ecirun.policy.load import Policy
from ecirun.report.machine import JsonOutput
from ecirun.report.output import Head, Output, Tally
from ecirun.report.text import TextOutput
from ecirun.report.verdict import Verdict
from ecirun.spec.rules import Rule

Write = Callable[[str], object]

FORMATS = ("text", "json", "yaml", "sarif", "junit", "github", "gitlab", "html")


class OutputFile:
    """A format that goes to a file, which is replaced as a whole when the report is complete; or to standard output."""

    def __init__(self, form: str, path: str, policy: Policy, *, quiet: bool, before_saying: Callable[[], None]) -> None:
        """Raises UsageError when the file cannot be written."""
        self.path = path
        self.stream: TextIO | None = self._open() if path else None
        self.before_saying = before_saying
        self.output = _output(form, self._write, self._write if path else self._say, policy, quiet=quiet)

    def begin(self, head: Head) -> None:
        """Before the first pod."""
        self.output.begin(head)

    def add(self, verdict: Verdict) -> None:
        """One pod."""
        self.output.add(verdict)

    def end(self, tally: Tally) -> None:
        """After the last pod. Raises UsageError when the file cannot be written."""
        self.output.end(tally)
        if self.stream is not None:
            try:
                self.stream.close()
                if self.draft:
                    os.replace(self.draft, os.path.realpath(self.path))
            except OSError as error:
                raise self._cannot(error) from None

    def give_up(self) -> None:
        """Leave nothing of a report that will not be complete."""
        if self.stream is not None and self.draft:
            with suppress(OSError):
                os.unlink(self.draft)

    def _open(self) -> TextIO:
        self.draft = "" if is_stream(self.path) else f"{os.path.realpath(self.path)}.new-{os.getpid()}"
        try:
            return open(self.draft, "w", encoding="utf-8") if self.draft else open(self.path, "a", encoding="utf-8")
        except OSError as error:
            raise self._cannot(error) from None

    def _cannot(self, error: OSError) -> UsageError:
        return UsageError(f"Can't write report {self.path}: {error.strerror}", hint="name a file in a folder of yours")

    def _write(self, text: str) -> None:
        if self.stream is not None:
            self.stream.write(text)
        else:
            self.before_saying()
            streams.out(text, end="")

    def _say(self, text: str) -> None:
        self.before_saying()
        streams.err(text, end="")


def open_outputs(wanted: Sequence[str], policy: Policy, *, quiet: bool, before_saying: Callable[[], None]) -> list[OutputFile]:
    """The outputs that the options ask for, text when they ask for none. Raises UsageError."""
    pairs = []
    for text in wanted or ("text",):
        form, equals, path = text.partition("=")
        if form not in FORMATS:
            from difflib import get_close_matches

            near = get_close_matches(form, FORMATS, n=1)
            hint = f"did you mean {near[0]}?" if near else "choose one of " + ", ".join(FORMATS)
            raise UsageError(f'Can\'t write format "{form}"', hint=hint)
        if equals and not path:
            raise UsageError(f'Can\'t write report "{text}": no file stands after =', hint=f"write -o {form}=FILE")
        pairs.append((form, "" if path == "-" else path))
    if sum(not path for _form, path in pairs) > 1:
        raise UsageError("Can't write two reports to standard output", hint="give files, as in -o text -o sarif=ecirun.sarif")
    return [OutputFile(form, path, policy, quiet=quiet, before_saying=before_saying) for form, path in pairs]


def _output(form: str, write: Write, say: Write, policy: Policy, *, quiet: bool) -> Output:
    """The output of that format. The rarer formats are imported only when they are asked for."""
    if form == "text":
        return TextOutput(write, say, quiet=quiet)
    if form == "json":
        return JsonOutput(write)
    if form == "yaml":
        from ecirun.report.machine import YamlOutput

        return YamlOutput(write)
    if form == "sarif":
        from ecirun.report.sarif import SarifOutput

        return SarifOutput(write, rules_of_all_stages(policy))
    if form == "junit":
        from ecirun.report.junit import JunitOutput

        return JunitOutput(write)
    if form == "github":
        from ecirun.report.github import GithubOutput

        return GithubOutput(write)
    if form == "gitlab":
        from ecirun.report.gitlab import GitlabOutput

        return GitlabOutput(write)
    from ecirun.report.html import HtmlOutput

    return HtmlOutput(write, policy)


def rules_of_all_stages(policy: Policy) -> Mapping[str, Rule]:
    """Every rule that a finding may name, by id: the API's, admission's, the policy's."""
    from ecirun.policy.admission.outcome import admission_rules
    from ecirun.spec import spec_rules

    return {**spec_rules(), **admission_rules(), **policy.rules}
