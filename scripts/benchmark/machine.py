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
        "cpu": _cpu("model name"),
        "virtual": "hypervisor" in (_cpu("flags") or "").split(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
        "versions": {"ecirun": ecirun.__version__, **{name: _version(argv) for name, argv in peers.VERSIONS.items()}},
    }


def in_words(machine: dict[str, Any]) -> str:
    """A sentence's worth for readers."""
    kind = "a virtual machine" if machine["virtual"] else "a machine"
    busy = f", busy with other work (load {machine['load']:.0f})" if machine["load"] > BUSY * machine["cpus"] else ""
    kernel = ".".join(machine["kernel"].split(".")[:2])
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if version and name != "ecirun")
    return (
        f"{kind} with {machine['cpus']} cpus ({machine['machine']}) and {machine['memory'] / 2**30:.0f} GiB{busy}: "
        f"Linux {kernel}, Python {machine['python']}, {versions}"
    )


def _version(argv: list[str]) -> str | None:
    """The first word with a digit, as in `podman version 4.3.1`."""
    try:
        words = output(argv).split()
    except CannotRun:
        return None
    return next((word.strip("(),") for word in words if word[0].isdigit()), None)


def _cpu(name: str) -> str | None:
    """A field of the first cpu's."""
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        return next((line.partition(":")[2].strip() for line in file if line.partition(":")[0].strip() == name), None)
