"""capabilities.add and capabilities.drop."""

from __future__ import annotations

from collections.abc import Iterator

from ecirun.policy.capabilities import NUMBERS
from ecirun.policy.case import Case
from ecirun.spec.field_error import forbidden, unsupported_value
from ecirun.spec.finding import Finding
from ecirun.spec.pod import Container

RULES = ("capability-not-permitted", "capability-needs-ticket", "capability-unknown", "capability-ineffective")


def check(case: Case) -> Iterator[Finding]:
    """Every name that may not be added, that means nothing, or that does not reach the workload."""
    for container in case.containers:
        path = f"{container.path}.securityContext.capabilities"
        for index, name in enumerate(container.security_context.capabilities_add):
            yield from _added(case, f"{path}.add[{index}]", name)
        for index, name in enumerate(container.security_context.capabilities_drop):
            yield from _dropped(case, f"{path}.drop[{index}]", name)
        yield from _out_of_reach(case, container, path)


def _added(case: Case, path: str, name: str) -> Iterator[Finding]:
    policy = case.policy
    if name in policy.capabilities_ticket_only:
        hint = f"remove {name}, or ask Alibaba Cloud for it with a ticket"
        yield case.finding("capability-needs-ticket", path, name, forbidden("cannot be granted; submit a ticket"), hint=hint)
    elif name not in policy.capabilities_addable:
        supported = sorted(set(policy.capabilities_addable) - set(policy.capabilities_ticket_only))
        message = unsupported_value(name, supported)
        yield case.finding("capability-not-permitted", path, name, message, hint=_hint_for_add(case, name))


def _hint_for_add(case: Case, name: str) -> str:
    plain = _plain(name)
    if plain == "ALL":
        return "name each capability that the workload needs"
    if plain in case.policy.capabilities_ticket_only:
        return f"remove {plain}: ECI grants it only by ticket"
    if plain in case.policy.capabilities_addable and plain != name:
        return f"write {plain}: upper case, without CAP_"
    if plain in NUMBERS:
        return f"ECI does not grant {plain}; remove it"
    near = _nearest(plain)
    return f"did you mean {near}?" if near else "Linux has no such capability; remove it"


def _dropped(case: Case, path: str, name: str) -> Iterator[Finding]:
    plain = _plain(name)
    if name in NUMBERS or name == "ALL":
        return
    message = unsupported_value(name, ("ALL", *sorted(NUMBERS)))
    if plain in NUMBERS or plain == "ALL":
        hint = f"write {plain}: upper case, without CAP_"
    else:
        near = _nearest(plain)
        hint = f"did you mean {near}?" if near else "Linux has no such capability; remove it"
    yield case.finding("capability-unknown", path, name, message, hint=hint)


def _out_of_reach(case: Case, container: Container, path: str) -> Iterator[Finding]:
    context = container.security_context
    uid = context.run_as_user if context.run_as_user is not None else case.pod.security_context.run_as_user
    if not uid:
        return
    names = [name for name in context.capabilities_add if name in case.policy.capabilities_addable]
    names = [name for name in names if name not in case.policy.capabilities_ticket_only]
    if names:
        yield case.finding(
            "capability-ineffective",
            f"{path}.add",
            list(context.capabilities_add),
            f"has no effect on uid {uid}: exec leaves it only the bounding set",
            hint="run as uid 0, or give the program file capabilities in the image",
            severity="warning",
        )


def _plain(name: str) -> str:
    return name.upper().removeprefix("CAP_")


def _nearest(name: str) -> str:
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, NUMBERS, n=1, cutoff=0.75)), "")
