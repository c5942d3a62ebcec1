"""A plan as a table that a person reads: what the workload is, and which field or file made it so."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence

from ecirun.plan.model import CapabilitySet, ContainerPlan, Mount, PodPlan

Row = tuple[str, ...]  # a label, and cells of which the last may go on below

WIDTH = 88
LABEL = 14
LONGEST_WORD = 240  # characters of one argument or variable; what is longer is for `-o json`
ROLES = {"app": "container", "init": "init container", "sidecar": "sidecar"}


def plan_text(plan: PodPlan) -> str:
    """The whole plan; ends in a newline."""
    lines = [*_wrapped("", f"{plan.kind} {plan.namespace}/{plan.name}, judged by {plan.policy}"), ""]
    lines += _table(_pod_rows(plan))
    lines += _remarks("warning", plan.warnings)
    for container in plan.all_containers:
        digest = container.image_digest[:19] or "not in the store"
        heading = f"{ROLES[container.role]} {container.name}, image {container.image} ({digest})"
        lines += ["", *_wrapped("", heading)]
        for rows in (_identity_rows, _capability_rows, _command_rows, _file_rows):
            lines += ["", *_table(rows(container))]
        lines += _remarks("note", (*container.assumptions, *container.notes))
    return "\n".join(lines) + "\n"


def _pod_rows(plan: PodPlan) -> Iterator[Row]:
    yield "host name", plan.hostname
    yield "network", f"{plan.network.mode} ({', '.join(plan.network.interfaces) or 'lo stays down'})"
    if not plan.sysctls:
        yield "sysctls", "the kernel's defaults of a fresh namespace"
    for sysctl, label in zip(plan.sysctls, _once("sysctls"), strict=False):
        yield label, f"{sysctl.name} = {_visible(sysctl.value)}", sysctl.scope, sysctl.reason


def _command_rows(plan: ContainerPlan) -> Iterator[Row]:
    yield "command", " ".join(map(_word, plan.command.argv))
    yield "", f"from: {plan.command.origin}" + (", on a terminal" if plan.command.terminal else "")
    yield "directory", f"{plan.command.cwd} (umask {plan.umask})"
    for (name, value), label in zip(plan.command.env.items(), _once("environment"), strict=False):
        yield label, f"{name}={_visible(value)}"


def _identity_rows(plan: ContainerPlan) -> Iterator[Row]:
    yield "user", f"{plan.user.uid}" + (f" ({plan.user.name})" if plan.user.name else ""), plan.user.origin
    yield "group", str(plan.group.gid), plan.group.origin
    for group, label in zip(plan.supplementary_groups, _once("groups"), strict=False):
        yield label, str(group.gid), group.origin
    yield "no_new_privs", "yes" if plan.no_new_privs else "no", plan.no_new_privs_origin
    yield "seccomp", plan.seccomp, plan.seccomp_origin


def _capability_rows(plan: ContainerPlan) -> Iterator[Row]:
    sets = plan.capabilities
    yield "capabilities", f"{plan.capabilities_origin}; the five sets after exec:"
    yield "bounding", sets.bounding.mask, _names(sets.bounding)
    for name in ("permitted", "effective", "inheritable", "ambient"):
        entry: CapabilitySet = getattr(sets, name)
        same = entry.names and entry == sets.bounding
        yield name, entry.mask, "the same" if same else _names(entry)


def _file_rows(plan: ContainerPlan) -> Iterator[Row]:
    root = "read-only" if plan.root.read_only else "writable, thrown away with the pod"
    yield "root", root + (f"; made for the pod: {' '.join(plan.root.create)}" if plan.root.create else "")
    yield "masked", " ".join(plan.masked_paths)
    yield "read-only", " ".join(plan.read_only_paths)
    yield "devices", f"{' '.join(plan.devices)}: the host's, read-only"
    for mount, label in zip(plan.mounts, _once("mounts"), strict=False):
        yield label, mount.target, _source(mount), _options(mount)


def _names(entry: CapabilitySet) -> str:
    return " ".join(entry.names) or "none"


def _source(mount: Mount) -> str:
    """What is mounted: a file system, a volume by its name, or one of the pod's files."""
    kind, _, name = mount.source.partition(":")
    return f"volume {name}" if kind == "volume" else kind or mount.type


def _options(mount: Mount) -> str:
    return " ".join((*mount.options, *(f"{key}={value}" for key, value in mount.data.items())))


def _once(label: str) -> Iterator[str]:
    """The label for the first row, and none for those below."""
    yield label
    while True:
        yield ""


def _word(text: str) -> str:
    """One argument as a shell would take it."""
    if len(text) > LONGEST_WORD:
        return f"{_word(text[:LONGEST_WORD])}… ({len(text):,} characters)"
    seen = _visible(text)
    return shlex.quote(text) if seen == text else "$'" + seen.replace("'", "\\'") + "'"


def _visible(text: str) -> str:
    """Text on one line: control characters and bytes that are no text as escapes, and not without end."""
    if len(text) > LONGEST_WORD:
        return f"{_visible(text[:LONGEST_WORD])}… ({len(text):,} characters)"
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    number = ord(letter)
    if 0xDC80 <= number <= 0xDCFF:  # a byte that Python could not decode (PEP 383)
        return f"\\x{number - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode()


def _table(rows: Iterable[Row]) -> list[str]:
    """Columns as wide as what is in them; a last cell that does not fit goes on below, under its own column."""
    table = list(rows)
    widths: dict[int, int] = {}
    for row in table:
        for column, cell in enumerate(row[1:-1]):
            widths[column] = max(widths.get(column, 0), len(cell) + 2)
    lines = []
    for label, *cells in table:
        head = f"  {label:<{LABEL}}" + "".join(f"{cell:<{widths[column]}}" for column, cell in enumerate(cells[:-1]))
        lines += _wrapped(head, cells[-1])
    return lines


def _remarks(kind: str, texts: Sequence[str]) -> list[str]:
    lines = [line for text in texts for line in _wrapped(f"  {kind + ':':<{LABEL}}", text)]
    return ["", *lines] if lines else []


def _wrapped(head: str, text: str) -> list[str]:
    """The text behind `head`, broken between words; a word that is longer than a line has a line of its own."""
    indent = " " * len(head)
    lines, line = [], head
    for word in text.split(" "):
        if line not in (head, indent) and len(line) + len(word) > WIDTH:
            lines.append(line.rstrip())
            line = indent
        line += word + " "
    return [*lines, line.rstrip()]
