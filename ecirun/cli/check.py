"""`ecirun check`: judge pods, run nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ecirun.api.bench import Bench
from ecirun.cli import options as shared
from ecirun.cli import streams
from ecirun.cli.command import Argument, Command, CommandLine, Given, Option
from ecirun.cli.judging import bench_of, judged
from ecirun.cli.outputs import FORMATS, OutputFile, open_outputs
from ecirun.cli.progress import Progress
from ecirun.cli.sources import Source, sources
from ecirun.errors import EcirunError, NoPod, SpecUnreadable
from ecirun.policy.load import load_policy
from ecirun.report.output import Head, Tally

ADMITTED, REFUSED, UNREADABLE = 0, 1, 2


OPTIONS = (
    Option(
        "-o",
        "--output",
        key="outputs",
        multiple=True,
        metavar="FORMAT[=FILE]",
        help=f"What to write, and where (default: standard output): {', '.join(FORMATS)}. Repeat it for several.",
    ),
    shared.policy,
    shared.admission,
    shared.allowed_unsafe_sysctls,
    shared.validate,
    shared.unsupported,
    shared.writable_root,
    Option("--fail-on", choices=("error", "warning"), default="error", help="What makes the exit code 1."),
    Option(
        "--skip-others",
        flag=True,
        help="Pass over what is no Kubernetes object and files without a pod, as beside other SPECs and in folders.",
    ),
    Option("--no-ignore", flag=True, help="Judge as if no pod had the annotation ecirun/ignore."),
    Option("--stdin-name", default="<stdin>", metavar="NAME", help="How reports call standard input."),
    Option("-q", "--quiet", flag=True, help="Say nothing but errors on stderr."),
)


def run(given: Given, _line: CommandLine) -> int:
    """Judge the pods of each SPEC (a file, a folder, a pattern, `-`, or example:NAME); needs no root.

    The Kubernetes API's own rules come first, then what --admission asks for, then ECI's policy. As text, what is wrong goes to
    stderr and one verdict per pod to stdout; every other format is one document. Beside other SPECs and in folders, files that
    hold no pod are passed over.

    A pod's annotation `ecirun/ignore: rule-id (reason)` makes notes of the findings of that rule; what the API itself refuses
    cannot be ignored.

    Exit codes: 0 every pod is admitted, 1 at least one is refused, 2 a SPEC cannot be read or the usage is wrong.
    """
    try:
        bench = bench_of(given, load_policy(given["policy"]), ignore=not given["no_ignore"])
        progress = Progress(wanted=not given["quiet"])
        chosen = open_outputs(given["outputs"], bench.policy, quiet=given["quiet"], before_saying=progress.clear)
    except EcirunError as error:
        streams.say_error(error)
        return UNREADABLE
    gates = bench.gates.names if bench.gates is not None else ""
    head = Head(bench.policy.name, gates, given["fail_on"] == "warning")
    return _Check(bench, chosen, progress, given).run(given["specs"], head)


class _Check:
    """One run over all inputs."""

    def __init__(self, bench: Bench, outputs: Sequence[OutputFile], progress: Progress, given: Mapping[str, Any]) -> None:
        self.bench = bench
        self.outputs = outputs
        self.progress = progress
        self.stdin_name: str = given["stdin_name"]
        self.skip_others: bool = given["skip_others"]
        self.tally = Tally()
        self.exit_code = ADMITTED
        self.without_pod: list[NoPod] = []

    def run(self, specs: Sequence[str], head: Head) -> int:
        """Judge everything; the exit code."""
        try:
            return self._run(specs, head)
        except BaseException:
            for output in self.outputs:
                output.give_up()
            raise

    def _run(self, specs: Sequence[str], head: Head) -> int:
        for output in self.outputs:
            output.begin(head)
        try:
            self._sources(sources(specs), head)
        except SpecUnreadable as error:
            self._fail(error)
        if not self.tally.pods and self.without_pod and not self.skip_others:
            self._fail(self.without_pod[0])
        self.progress.clear()
        for output in self.outputs:
            try:
                output.end(self.tally)
            except EcirunError as error:
                self._fail(error)
        return self.exit_code

    def _sources(self, inputs: Iterable[Source], head: Head) -> None:
        for source in inputs:
            try:
                self._source(source, head)
            except NoPod as error:
                if not (source.among_others or self.skip_others):
                    raise
                self.without_pod.append(error)
            except EcirunError as error:
                self._fail(error)

    def _source(self, source: Source, head: Head) -> None:
        among_others = source.among_others or self.skip_others
        pods = judged(source.spec, self.bench, among_others=among_others, stdin_name=self.stdin_name)
        for _reading, verdict in pods:
            self.tally = self.tally.plus(verdict)
            failed = verdict.stage is not None or (head.fail_on_warning and verdict.count("warning") > 0)
            self.exit_code = max(self.exit_code, REFUSED if failed else ADMITTED)
            for output in self.outputs:
                output.add(verdict)
            self.progress.step(verdict.mark.file)

    def _fail(self, error: EcirunError) -> None:
        self.progress.clear()
        streams.say_error(error)
        self.exit_code = UNREADABLE


command = Command("check", Argument("specs", "SPEC...", several=True, complete=shared.spec_name), OPTIONS, run)
