"""The capability sets of a container, as they will be after exec.

Order of add and drop: containerd internal/cri/opts/spec_opts.go (ALL added, ALL dropped, single adds, single drops). What
exec makes of the sets: capabilities(7), "Transformation of capabilities during execve()", with inheritable and ambient
empty.
"""

from __future__ import annotations

from collections.abc import Collection

from ecirun.plan.model import Capabilities, CapabilitySet
from ecirun.policy.capabilities import NUMBERS
from ecirun.spec.pod import SecurityContext


def granted(context: SecurityContext, default: Collection[str]) -> set[str]:
    """The names that the container is granted: its bounding set."""
    add = {name.upper() for name in context.capabilities_add}
    drop = {name.upper() for name in context.capabilities_drop}
    names = set(default)
    if "ALL" in add:
        names = set(NUMBERS)
    if "ALL" in drop:
        names = set()
    return (names | add - {"ALL"}) - drop


def origin_of(context: SecurityContext, default: Collection[str]) -> str:
    """How the granted set came about, in words."""
    names = granted(context, default)
    if "ALL" in (name.upper() for name in context.capabilities_drop):
        return "all dropped" + (f", added {_list(names)}" if names else "")
    added, dropped = names - set(default), set(default) - names
    return "default set" + (f", added {_list(added)}" if added else "") + (f", dropped {_list(dropped)}" if dropped else "")


def _list(names: Collection[str]) -> str:
    return " ".join(sorted(names, key=NUMBERS.__getitem__))


def capability_set(names: Collection[str]) -> CapabilitySet:
    """The names sorted by number, and their mask."""
    ordered = sorted(names, key=NUMBERS.__getitem__)
    mask = sum(1 << NUMBERS[name] for name in ordered)
    return CapabilitySet(tuple(ordered), f"{mask:016x}")


def after_exec(names: Collection[str], uid: int) -> Capabilities:
    """The five sets of a process of that uid after exec: root gets its bounding set, everybody else nothing."""
    bounding = capability_set(names)
    nothing = capability_set(())
    own = bounding if uid == 0 else nothing
    return Capabilities(bounding=bounding, permitted=own, effective=own, inheritable=nothing, ambient=nothing)
