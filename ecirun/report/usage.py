"""What pods use, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

HEAD = ("POD", "CONTAINER", "CPU %", "MEMORY", "LIMIT", "PIDS")


def usage_text(containers: Iterable[Mapping[str, Any]]) -> str:
    """One row for each container, given as `stats -o json` has it; ends in a newline."""
    rows = [HEAD, *(_row(entry) for entry in containers)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    return "".join(_line(row, widths) + "\n" for row in rows)


def _row(entry: Mapping[str, Any]) -> tuple[str, ...]:
    limit = bytes_text(entry["memory_limit"]) if entry["memory_limit"] is not None else "-"
    cpu = f"{entry['cpu_percent']:.1f}"
    return entry["pod"], entry["container"], cpu, bytes_text(entry["memory"]), limit, str(entry["pids"])


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    names = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
    numbers = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
    return "  ".join([*names, *numbers]).rstrip()


def bytes_text(number: int) -> str:
    """Bytes as 812 B, 4.2 MiB, 1.0 GiB."""
    amount = float(number)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"
