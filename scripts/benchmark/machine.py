"""What the results were measured on."""

from __future__ import annotations

import datetime
import os
import platform
from typing import Any

from benchmark import peers
from benchmark.programs import CannotRun, output

BUSY = 0.5  # of each cpu, on average, before anything was measured


def describe() -> dict[str, Any]:
    """Kernel, cpus, memory in bytes, Python, everybody's version (None: not installed), and the load of the last minute."""
    import ecirun

    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cpu": _field("/proc/cpuinfo", "model name"),
        "cpus": len(os.sched_getaffinity(0)),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
        "versions": {"ecirun": ecirun.__version__, **{name: _version(argv) for name, argv in peers.VERSIONS.items()}},
    }


def in_words(machine: dict[str, Any]) -> str:
    """A line for readers."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if version and name != "ecirun")
    load = f", while other work kept {machine['load']:.1f} of them busy" if machine["load"] > BUSY * machine["cpus"] else ""
    memory = f"{machine['memory'] / 2**30:.0f} GiB"
    system = f"Linux {machine['kernel']} on {machine['machine']}"
    return f"{system}, {machine['cpus']} cpus{load}, {memory}, Python {machine['python']}; {versions}"


def _version(argv: list[str]) -> str | None:
    """The first word with a digit, as in `podman version 4.3.1`."""
    try:
        words = output(argv).split()
    except CannotRun:
        return None
    return next((word.strip("(),") for word in words if word[0].isdigit()), None)


def _field(path: str, name: str) -> str | None:
    with open(path, encoding="utf-8", errors="replace") as file:
        return next((line.partition(":")[2].strip() for line in file if line.partition(":")[0].strip() == name), None)
