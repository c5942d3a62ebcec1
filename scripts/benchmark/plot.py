"""The results as a picture: for each work a row per contestant, on an axis on which ten times is always as far."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

from benchmark.rounds import Samples
from benchmark.work import MIB, Measured, Unit, quantity

WIDTH, LABELS, RIGHT = 860, 230, 90
ROW, HEAD, FOOT, GAP = 22, 34, 24, 18
ONE: dict[Unit, float] = {"seconds": 1, "bytes": MIB}
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#222}.title{font-weight:600}.label{text-anchor:end}"
    ".tick{fill:#777;font-size:11px;text-anchor:middle}.grid{stroke:#ddd}.range{stroke:#999;stroke-width:2}.other{fill:#888}.own{fill:#d9480f}"
)


def svg(works: Iterable[Measured]) -> str:
    """One picture of all works, as text. The dot is the median, the line goes from the least to the ninth of ten."""
    panels: list[str] = []
    top = GAP
    for work in works:
        panels.append(_panel(work, top))
        top += HEAD + ROW * len(work.contestants) + FOOT + GAP
    frame = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}">'
    return "\n".join(
        [frame, f"<style>{STYLE}</style>", f'<rect width="{WIDTH}" height="{top}" fill="#fff"/>', *panels, "</svg>\n"]
    )


def _panel(work: Measured, top: int) -> str:
    axis = _Axis([edge for one in work.contestants for edge in (one.minimum, one.ninetieth)], ONE[work.unit])
    first, last = top + HEAD - ROW // 2, top + HEAD + ROW * len(work.contestants) - ROW // 2
    parts = [f'<text class="title" x="10" y="{top + 10}">{escape(work.title)}</text>']
    for decade in axis.decades:
        x = axis.x(decade)
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{first}" x2="{x:.1f}" y2="{last}"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{last + 14}">{quantity(decade, work.unit)}</text>')
    for number, one in enumerate(work.contestants):
        parts.append(_row(one, work, axis, top + HEAD + ROW * number))
    return "\n".join(parts)


def _row(one: Samples, work: Measured, axis: _Axis, y: int) -> str:
    x = axis.x(one.median)
    kind = "own" if one is work.contestants[0] else "other"
    return (
        f'<text class="label" x="{LABELS - 10}" y="{y + 4}">{escape(one.name)}</text>'
        f'<line class="range" x1="{axis.x(one.minimum):.1f}" y1="{y}" x2="{axis.x(one.ninetieth):.1f}" y2="{y}"/>'
        f'<circle class="{kind}" cx="{x:.1f}" cy="{y}" r="4.5"/>'
        f'<text x="{WIDTH - RIGHT + 12}" y="{y + 4}">{quantity(one.median, work.unit)}</text>'
    )


class _Axis:
    """From the power of ten below all values to the one above them; `one` is the unit that is shown."""

    def __init__(self, values: list[float], one: float) -> None:
        self._one = one
        self._low = math.floor(math.log10(min(values) / one))
        self._high = max(self._low + 1, math.ceil(math.log10(max(values) / one)))
        self.decades = [one * 10.0**power for power in range(self._low, self._high + 1)]

    def x(self, value: float) -> float:
        """Where a value is."""
        return LABELS + (WIDTH - RIGHT - LABELS) * (math.log10(value / self._one) - self._low) / (self._high - self._low)
