"""What each container may do, as a picture: one row per container, one column per capability that matters somewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Literal

from ecirun.plan.capabilities import granted
from ecirun.policy.capabilities import NUMBERS
from ecirun.policy.load import Policy
from ecirun.record import Record
from ecirun.spec.pod import Container, Pod

State = Literal["held", "bounding", "dropped", "refused", ""]

WORDS = {
    "held": "held: root has it",
    "bounding": "out of reach: only in the bounding set, because the user is not root",
    "dropped": "dropped",
    "refused": "asked for and refused",
}

CELL, GAP, HEAD, MARGIN, FOOT = 18, 3, 128, 6, 4
PITCH = CELL + GAP


class ContainerRow(Record):
    """One container: who it is, as which user it runs as far as the spec says, and the state of each capability."""

    pod: str
    container: str
    user: str
    states: dict[str, State]


def container_rows(pod: Pod, policy: Policy) -> list[ContainerRow]:
    """The containers of a pod, init containers first."""
    return [_row(pod, container, policy) for container in (*pod.init_containers, *pod.containers)]


def _row(pod: Pod, container: Container, policy: Policy) -> ContainerRow:
    context = container.security_context
    uid = context.run_as_user if context.run_as_user is not None else pod.security_context.run_as_user
    may = set(policy.capabilities_addable) - set(policy.capabilities_ticket_only)
    asked = {name for name in context.capabilities_add if name in NUMBERS}
    refused = asked - may
    names = granted(context, policy.capabilities_default) & set(NUMBERS)
    names -= refused - set(policy.capabilities_default)
    states: dict[str, State] = dict.fromkeys(names, "held" if not uid else "bounding")
    states |= dict.fromkeys(set(policy.capabilities_default) - names, "dropped")
    states |= dict.fromkeys(refused, "refused")
    user = "uid " + str(uid) if uid is not None else "the image's user"
    return ContainerRow(pod.name, container.name, user, states)


def picture(rows: Sequence[ContainerRow]) -> str:
    """The section with the picture and its legend."""
    columns = sorted({name for row in rows for name in row.states}, key=NUMBERS.__getitem__)
    others = len(NUMBERS) - len(columns)
    legend = "".join(
        f'<li><svg class="caps" viewBox="0 0 {CELL} {CELL}" width="{CELL}" height="{CELL}" aria-hidden="true">'
        f"{_glyph(state, 0, 0)}</svg> {word}</li>"
        for state, word in WORDS.items()
    )
    return (
        '<section id="capabilities">\n<h2>Capabilities</h2>\n'
        f'<ul class="legend">{legend}</ul>\n<div class="wide">\n<table class="matrix capabilities">\n<thead>\n<tr>'
        '<th scope="col">container</th>'
        f'<th class="drawn" scope="col">{_heads(columns)}</th></tr>\n</thead>\n<tbody>\n'
        + "".join(_drawn(row, columns) for row in _gathered(rows))
        + f'</tbody>\n</table>\n</div>\n<p class="more">The other {others} capabilities of Linux are held by nobody here.</p>\n'
        "</section>\n"
    )


def _gathered(rows: Sequence[ContainerRow]) -> list[ContainerRow]:
    """Equal containers of several pods in one row: nobody wants to read the same line a hundred times."""
    alike: dict[object, list[ContainerRow]] = {}
    for row in rows:
        alike.setdefault((row.container, row.user, tuple(row.states.items())), []).append(row)
    return [
        first if not others else first._replace(pod=f"{first.pod} and {len(others)} more") for first, *others in alike.values()
    ]


def _heads(columns: Sequence[str]) -> str:
    width = len(columns) * PITCH + HEAD // 2
    names = "".join(
        f'<text transform="translate({index * PITCH + CELL / 2 + 4:.0f} {HEAD - MARGIN}) rotate(-55)">{name}</text>'
        for index, name in enumerate(columns)
    )
    return f'<svg class="caps" viewBox="0 0 {width} {HEAD}" width="{width}" height="{HEAD}" aria-hidden="true">{names}</svg>'


def _drawn(row: ContainerRow, columns: Sequence[str]) -> str:
    width = len(columns) * PITCH + HEAD // 2
    cells = "".join(
        f"<g><title>{name}: {WORDS[state]}</title>{_glyph(state, index * PITCH, FOOT / 2)}</g>"
        if (state := row.states.get(name, ""))
        else f'<rect class="never" x="{index * PITCH + 7}" y="{FOOT / 2 + 7}" width="4" height="4" rx="2"/>'
        for index, name in enumerate(columns)
    )
    held = ", ".join(name for name in columns if row.states.get(name) == "held") or "none"
    label = escape(f"capabilities held by {row.container}: {held}", quote=True)
    return (
        f'<tr><th scope="row"><b>{escape(row.container)}</b> <small>{escape(row.pod)}, {escape(row.user)}</small></th>'
        f'<td class="drawn"><svg class="caps" viewBox="0 0 {width} {CELL + FOOT}" width="{width}" height="{CELL + FOOT}" '
        f'role="img" aria-label="{label}">{cells}</svg></td></tr>\n'
    )


def _glyph(state: str, x: float, y: float) -> str:
    """A square: full when held, hollow when out of reach, struck through when dropped, crossed out in red when refused."""
    box = f'x="{x + 1:.0f}" y="{y + 1:.0f}" width="{CELL - 2}" height="{CELL - 2}" rx="4"'
    lines = ""
    if state in ("dropped", "refused"):
        lines = f'<path d="M{x + 5:.0f} {y + CELL - 5:.0f}L{x + CELL - 5:.0f} {y + 5:.0f}"/>'
    if state == "refused":
        lines += f'<path d="M{x + 5:.0f} {y + 5:.0f}L{x + CELL - 5:.0f} {y + CELL - 5:.0f}"/>'
    return f'<g class="{state}"><rect {box}/>{lines}</g>'
