"""`ecirun logs`: what a container of a detached pod has written."""

from __future__ import annotations

import calendar
import os
import re
import sys
import time
from typing import Any

import click

from ecirun.cli.pod_name import ContainerName, PodName, container_named
from ecirun.errors import EcirunError, UsageError
from ecirun.runtime import control, log_reader, state
from ecirun.runtime.log_reader import Entry

INTERVAL = 0.1  # seconds between two looks at a log that is followed
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
    record = control.find(given["pod"])
    if record.state and not record.state.get("detached") and not record.state.get("captured"):
        raise EcirunError(
            f'Can\'t show logs of pod "{record.name}": its output goes to the command that runs it',
            hint="run it with -d to have logs",
        )
    container = container_named(record, given["container"])
    path = f"{state.STATE}/{record.name}/log/{container}.log"
    if given["previous"]:
        path = path.removesuffix(".log") + ".previous.log"
        if not os.path.exists(path):
            raise EcirunError(f'previous terminated container "{container}" in pod "{record.name}" not found')
    follower = log_reader.Follower(path) if given["follow"] else None
    since = _moment(given["since"])
    entries = [entry for entry in log_reader.read_all(path) if entry.moment >= since]
    if given["tail"] >= 0:
        entries = log_reader.last_lines(entries, given["tail"])
    printer = _Printer(timestamps=given["timestamps"])
    for entry in entries:
        printer.show(entry)
    if follower:
        _follow(record.name, container, follower, printer)
    return 0


def _follow(pod: str, container: str, follower: log_reader.Follower, printer: _Printer) -> None:
    while True:
        ended = _has_ended(pod, container)
        for entry in follower.new():
            printer.show(entry)
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

    def show(self, entry: Entry) -> None:
        stream = sys.stdout.buffer if entry.stream == "stdout" else sys.stderr.buffer
        if self.timestamps and not self.inside[entry.stream]:
            stream.write(entry.moment.encode() + b" ")
        stream.write(entry.data + (b"\n" if entry.whole else b""))
        stream.flush()
        self.inside[entry.stream] = not entry.whole


def _moment(text: str) -> str:
    """The moment that `--since` means, in the form that logs have; empty for none. Raises UsageError."""
    if not text:
        return ""
    if match := re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)", text):
        seconds = time.time() - float(match[1]) * UNITS[match[2]]
    else:
        try:
            seconds = calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))
        except ValueError:
            raise UsageError(f"Can't read the time {text!r}", hint="write 10s, 5m, 1h or 2026-01-31T10:00:00Z") from None
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(int(seconds))) + f".{int(seconds % 1 * 10**9):09d}Z"
