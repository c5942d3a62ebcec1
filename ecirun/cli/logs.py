"""`ecirun logs`: what a container of a detached pod has written."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable
from typing import Any, BinaryIO

import click

from ecirun.cli import streams
from ecirun.cli.container_name import container_named
from ecirun.cli.pod_name import ContainerName, PodName
from ecirun.errors import EcirunError, UsageError
from ecirun.runtime import control, log_reader, lost, state
from ecirun.runtime.log_reader import Entry

INTERVAL = 0.1  # seconds between two looks at a log that is followed
DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


@click.command("logs")
@click.argument("pod", metavar="POD", type=PodName(), is_eager=True)
@click.option("-c", "--container", default="", metavar="NAME", type=ContainerName(), help="The container (default: the first).")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written, until the container ends.")
@click.option("-p", "--previous", is_flag=True, help="What it wrote before it was last restarted.")
@click.option("--tail", type=click.IntRange(min=-1), default=-1, metavar="N", help="Only the last N lines (-1: all).")
@click.option("--since", default="", metavar="TIME", help="Only what is younger: 10s, 5m, 1h, or a moment (RFC 3339).")
@click.option("--timestamps", is_flag=True, help="Put the moment before each line.")
def command(**given: Any) -> int:
    """Show what a container of the pod POD has written: its standard output on stdout, its standard error on stderr."""
    lost.clean_up_lost_pods(streams.warner())
    record = control.find(given["pod"])
    if record.state and not record.state.get("detached") and not record.state.get("captured"):
        raise EcirunError(
            f'Can\'t show logs of pod "{record.name}": its output goes to the command that runs it',
            hint="run it with -d to have logs",
        )
    container = container_named(record, given["container"], streams.speaker(quiet=False))
    path = f"{state.STATE}/{record.name}/log/{container}.log"
    if given["previous"]:
        path = path.removesuffix(".log") + ".previous.log"
        if not os.path.exists(path):
            raise EcirunError(f'previous terminated container "{container}" in pod "{record.name}" not found')
    since = _moment(given["since"])
    with log_reader.Follower(path) as follower:
        entries: Iterable[Entry] = (entry for entry in follower.new() if entry.moment >= since)
        if given["tail"] >= 0:
            entries = log_reader.last_lines(entries, given["tail"])
        printer = _Printer(timestamps=given["timestamps"])
        printer.show(entries)
        if given["follow"] and not given["previous"]:
            _follow(record.name, container, follower, printer)
    return 0


def _follow(pod: str, container: str, follower: log_reader.Follower, printer: _Printer) -> None:
    while True:
        ended = _has_ended(pod, container)
        printer.show(follower.new())
        if ended:
            return
        time.sleep(INTERVAL)


def _has_ended(pod: str, container: str) -> bool:
    record = state.read(state.STATE, pod)
    if record is None or not record.alive:
        return True
    entries = [entry for entry in record.state.get("containers", ()) if entry["name"] == container]
    return bool(entries) and "terminated" in entries[0]["state"]


class _Printer:
    """Writes entries to the streams that they came from."""

    def __init__(self, *, timestamps: bool) -> None:
        self.timestamps = timestamps
        self.inside = {"stdout": False, "stderr": False}  # whether the stream's last entry was a part of a line

    def show(self, entries: Iterable[Entry]) -> None:
        """Write them all, so that what goes to one terminal comes there in their order."""
        last = ""
        for entry in entries:
            if last and last != entry.stream:
                self._stream(last).flush()
            last = entry.stream
            if self.timestamps and not self.inside[last]:
                self._stream(last).write(entry.moment.encode() + b" ")
            self._stream(last).write(entry.data + (b"\n" if entry.whole else b""))
            self.inside[last] = not entry.whole
        if last:
            self._stream(last).flush()

    def _stream(self, name: str) -> BinaryIO:
        return sys.stdout.buffer if name == "stdout" else sys.stderr.buffer


def _moment(text: str) -> str:
    """The moment that `--since` means, in the form that logs have; empty for none. Raises UsageError."""
    if not text:
        return ""
    if re.fullmatch(rf"({DURATION.pattern})+", text):
        seconds = time.time() - sum(float(number) * UNITS[unit] for number, unit in DURATION.findall(text))
    else:
        seconds = _seconds(text)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(int(seconds))) + f".{int(seconds % 1 * 10**9):09d}Z"


def _seconds(text: str) -> float:
    from datetime import datetime

    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.timestamp()
    except ValueError:
        pass
    raise UsageError(f"Can't read the time {text!r}", hint="write 10s, 1h30m or 2026-01-31T10:00:00Z")
