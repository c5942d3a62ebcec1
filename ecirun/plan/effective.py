"""The effective security context of a container in a few words, for comparing two of them.

A policy that does not judge stands for bare Kubernetes: there a privileged container has every capability and an unmasked
/proc, and the root can be written unless the container says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

from ecirun.errors import PodRefused
from ecirun.plan.capabilities import after_exec, granted
from ecirun.plan.facts import ImageFacts
from ecirun.plan.identity import UserUnknown, group_of, supplementary_groups, user_of
from ecirun.plan.model import CapabilitySet
from ecirun.plan.non_root import verify_non_root
from ecirun.policy.capabilities import NUMBERS
from ecirun.policy.load import Policy
from ecirun.record import Record
from ecirun.spec.pod import Container, Pod


class Entry(Record):
    """One property: its value, where it comes from, and for capabilities the names."""

    value: str
    origin: str = ""
    names: tuple[str, ...] = ()


def effective_context(
    pod: Pod, container: Container, policy: Policy, image: ImageFacts, *, writable_root: bool
) -> Mapping[str, Entry]:
    """The properties by name, in the order of a report."""
    entries: dict[str, Entry] = {}
    context = container.security_context
    uid = 0
    try:
        verify_non_root(pod, container, image)
        user, account = user_of(pod, container, image)
        uid = user.uid
        group = group_of(pod, container, account)
        groups = supplementary_groups(pod, group, account, image)
        entries["user"] = Entry(str(user.uid), user.origin)
        entries["group"] = Entry(str(group.gid), group.origin)
        entries["groups"] = Entry(" ".join(str(entry.gid) for entry in groups))
    except (PodRefused, UserUnknown) as error:
        entries["user"] = Entry("does not start", str(error))
    everything = bool(context.privileged) and not policy.judges
    sets = after_exec(_granted(container, policy, everything=everything), uid)
    for name in ("bounding", "effective"):
        shown: CapabilitySet = getattr(sets, name)
        entries[name] = Entry(shown.mask, names=shown.names)
    entries["no_new_privs"] = Entry("yes" if context.allow_privilege_escalation is False else "no")
    read_only = context.read_only_root_filesystem is True or (policy.judges and not writable_root)
    entries["root"] = Entry("read-only" if read_only else "writable")
    unmasked = everything or (not policy.judges and context.proc_mount == "Unmasked")
    entries["/proc"] = Entry("unmasked" if unmasked else "masked")
    entries["privileged"] = Entry("yes" if everything else "no")
    return entries


def _granted(container: Container, policy: Policy, *, everything: bool) -> set[str]:
    if everything:
        return set(NUMBERS)
    names = granted(container.security_context, policy.capabilities_default) & set(NUMBERS)
    may = {*policy.capabilities_addable, *policy.capabilities_default} - set(policy.capabilities_ticket_only)
    return names & may


def pod_context(pod: Pod, policy: Policy) -> Mapping[str, Entry]:
    """What belongs to the pod as a whole: sysctls, and what it shares with its host."""
    entries: dict[str, Entry] = {}
    for field, shared in (("network", pod.host_network), ("processes", pod.host_pid), ("IPC", pod.host_ipc)):
        entries[field] = Entry("the host's" if shared and not policy.judges else "its own")
    for sysctl in pod.security_context.sysctls:
        entries[f"sysctl {sysctl.name.replace('/', '.')}"] = Entry(sysctl.value)
    return entries
