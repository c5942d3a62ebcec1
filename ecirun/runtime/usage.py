"""What a container uses, from its control group, or from its processes where there is none."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ecirun.linux import cgroup
from ecirun.record import Record

NO_LIMIT = 2**60  # version 1 says "no limit" with a number near 2**63


class Usage(Record):
    """One look at one container: `cpu_seconds` so far, `memory` in bytes and its limit or None, processes, and the moment."""

    pod: str
    container: str
    cpu_seconds: float
    memory: int
    memory_limit: int | None
    pids: int
    moment: float

    def percent_since(self, before: Usage | None) -> float:
        """The share of one cpu that was used since then, in percent."""
        if before is None or self.moment <= before.moment:
            return 0.0
        return round(100 * max(0.0, self.cpu_seconds - before.cpu_seconds) / (self.moment - before.moment), 1)


def usage_of(pod: str, entry: Mapping[str, Any]) -> Usage:
    """What the container of a state.json's entry uses now."""
    group = cgroup.Group(entry["cgroup"])
    pids, memory, seconds = _of_processes(entry["pid"])
    if "pids" in group.folders:
        pids = int(cgroup.read(f"{group.folders['pids']}/pids.current") or 0)
    limit = None
    if "memory" in group.folders:
        current, most = ("current", "max") if group.version_2("memory") else ("usage_in_bytes", "limit_in_bytes")
        memory = int(cgroup.read(f"{group.folders['memory']}/memory.{current}") or 0)
        text = cgroup.read(f"{group.folders['memory']}/memory.{most}")
        limit = int(text) if text.isdecimal() and int(text) < NO_LIMIT else None
    if "cpu" in group.folders and (text := cgroup.read(f"{group.folders['cpu']}/cpuacct.usage")):
        seconds = int(text) / 1e9  # where version 1 counts and limits cpu in one hierarchy
    elif "2" in group.folders:
        stat = dict(line.split() for line in cgroup.read(f"{group.folders['2']}/cpu.stat").splitlines())
        seconds = int(stat.get("usage_usec", 0)) / 1e6
    return Usage(pod, entry["name"], seconds, memory, limit, pids, time.monotonic())


def _of_processes(pid: int) -> tuple[int, int, float]:
    """Processes, resident bytes and cpu seconds of a process and those below it."""
    import psutil

    number, memory, seconds = 0, 0, 0.0
    try:
        first = psutil.Process(pid)
        for process in (first, *first.children(recursive=True)):
            with process.oneshot():
                times = process.cpu_times()
                number, memory, seconds = number + 1, memory + process.memory_info().rss, seconds + times.user + times.system
    except psutil.Error:
        pass  # it has just ended
    return number, memory, seconds
