"""A plan as a table that a person reads: what the workload is, and which field or file made it so."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from ecirun.plan.model import CapabilitySet, ContainerPlan, Mount, PodPlan

Row = tuple[str, str, str]  # label, value, origin

WIDTH = 88
ROLES = {"app": "container", "init": "init container", "sidecar": "sidecar"}


def plan_text(plan: PodPlan) -> str:
    """The whole plan; ends in a newline."""
    lines = [f"{plan.kind} {plan.namespace}/{plan.name}, judged by {plan.policy}", ""]
    lines += _table(_pod_rows(plan))
    for container in plan.all_containers:
        lines += ["", f"{ROLES[container.role]} {container.name}", ""]
        lines += _table(_container_rows(container))
    notes = [("note", text) for container in plan.all_containers for text in (*container.assumptions, *container.notes)]
    notes = [("warning", text) for text in plan.warnings] + notes
    if notes:
        lines.append("")
        for kind, text in notes:
            lines += _wrapped(f"{kind}: ", text)
    return "\n".join(lines) + "\n"


def _pod_rows(plan: PodPlan) -> Iterator[Row]:
    yield "host name", plan.hostname, ""
    interfaces = ", ".join(plan.network.interfaces) or "lo stays down"
    yield "network", plan.network.mode, interfaces
    label = "sysctls"
    for sysctl in plan.sysctls:
        yield label, f"{sysctl.name} = {sysctl.value}", f"{sysctl.scope}: {sysctl.reason}"
        label = ""
    if not plan.sysctls:
        yield label, "the kernel's defaults of a fresh namespace", ""


def _container_rows(plan: ContainerPlan) -> Iterator[Row]:
    yield "image", plan.image, plan.image_digest[:19] or "not in the store"
    yield "user", f"{plan.user.uid}" + (f" ({plan.user.name})" if plan.user.name else ""), plan.user.origin
    yield "group", str(plan.group.gid), plan.group.origin
    label = "groups"
    for group in plan.supplementary_groups:
        yield label, str(group.gid), group.origin
        label = ""
    sets = plan.capabilities
    for name in ("bounding", "permitted", "effective", "inheritable", "ambient"):
        entry: CapabilitySet = getattr(sets, name)
        yield name, entry.mask, _names(entry)
    yield "no_new_privs", "yes" if plan.no_new_privs else "no", plan.no_new_privs_origin
    yield "root", "read-only" if plan.root.read_only else "writable, thrown away", "overlay" if plan.root.overlay else ""
    label = "mounts"
    for entry_mount in plan.mounts:
        yield label, entry_mount.target, _how(entry_mount)
        label = ""
    yield "devices", " ".join(plan.devices), "bound from the host, read-only"
    yield "masked", _paths(plan.masked_paths), ""
    yield "read-only", _paths(plan.read_only_paths), ""
    yield "command", shlex.join(plan.command.argv), plan.command.origin
    yield "directory", plan.command.cwd, f"umask {plan.umask}"
    label = "environment"
    for name, value in plan.command.env.items():
        yield label, f"{name}={value}", ""
        label = ""


def _names(entry: CapabilitySet) -> str:
    return " ".join(entry.names) or "empty"


def _how(entry: Mount) -> str:
    options = ",".join((*entry.options, *(f"{key}={value}" for key, value in entry.data.items())))
    return f"{entry.source or entry.type} ({options})"


def _paths(paths: Iterable[str]) -> str:
    return " ".join(paths)


def _table(rows: Iterable[Row]) -> list[str]:
    """Three columns; what is too long for the last goes on below, under its own column."""
    table = list(rows)
    first = max(len(label) for label, _value, _origin in table) + 2
    second = min(max(len(value) for _label, value, origin in table if origin), 44) + 2
    lines = []
    for label, value, origin in table:
        head = f"  {label:<{first}}"
        if not origin:
            lines += _wrapped(head, value)
            continue
        head += f"{value:<{second}}"
        lines += _wrapped(head if head.endswith(" ") else head + "  ", origin)
    return lines


def _wrapped(head: str, text: str) -> list[str]:
    indent = " " * len(head)
    lines, line = [], head
    for word in text.split(" "):
        if len(line) + len(word) > max(WIDTH, len(head) + 30) and line.strip() and line != head and line != indent:
            lines.append(line.rstrip())
            line = indent
        line += word + " "
    return [*lines, line.rstrip()]
