"""Who the workload is: uid, gid and supplementary groups, each with its origin.

Rules: Kubernetes pkg/securitycontext/util.go (container over pod, field by field),
pkg/kubelet/kuberuntime/security_context.go (the image's USER stands in when runAsUser is unset, and its group part is
lost), containerd pkg/oci/spec_opts.go (passwd and group lookups).
"""

from __future__ import annotations

import re

from ecirun.plan.facts import ImageFacts
from ecirun.plan.model import Group, User
from ecirun.record import Record
from ecirun.spec.pod import Container, Pod

MAX_ID = 2**31 - 1


class Account(Record):
    """One line of /etc/passwd."""

    name: str
    uid: int
    gid: int
    home: str


class UserUnknown(ValueError):
    """The image names a user that its /etc/passwd does not have, or an id out of range."""


def accounts(passwd: str) -> list[Account]:
    """The well-formed lines of a passwd file; others are skipped, as getpwent(3) does."""
    found = []
    for line in passwd.split("\n"):
        parts = line.split(":")
        if len(parts) >= 4 and _is_id(parts[2]) and _is_id(parts[3]):
            found.append(Account(parts[0], int(parts[2]), int(parts[3]), parts[5] if len(parts) > 5 else ""))
    return found


def memberships(group: str, user: str) -> list[int]:
    """The gids of the groups that list `user` by name."""
    found = []
    for line in group.split("\n"):
        parts = line.split(":")
        if len(parts) >= 4 and _is_id(parts[2]) and user in parts[3].split(","):
            found.append(int(parts[2]))
    return found


def _is_id(text: str) -> bool:
    return bool(re.fullmatch("[0-9]{1,10}", text)) and int(text) <= MAX_ID


def image_user(user: str) -> tuple[int | None, str]:
    """(uid, name) of an image's USER as the kubelet sees it: text before the first colon; empty means uid 0."""
    name = user.partition(":")[0]
    if not name:
        return 0, ""
    # The runtime reads a number as strconv.ParseInt does (cri-api's image status), so that -1 is a uid out of range.
    if re.fullmatch("[+-]?[0-9]{1,18}", name):
        return int(name), ""
    return None, name


def user_of(pod: Pod, container: Container, image: ImageFacts) -> tuple[User, Account | None]:
    """The uid with its origin, and its passwd entry. Raises UserUnknown."""
    known = accounts(image.passwd)
    for uid, origin in (
        (container.security_context.run_as_user, "container runAsUser"),
        (pod.security_context.run_as_user, "pod runAsUser"),
    ):
        if uid is not None:
            entry = next((account for account in known if account.uid == uid), None)
            return User(uid, entry.name if entry else "", origin), entry
    uid, name = image_user(image.user)
    if uid is None:
        entry = next((account for account in known if account.name == name), None)
        if entry is None:
            raise UserUnknown(f"no users found: the image's USER {name!r} is not in its /etc/passwd")
        return User(entry.uid, entry.name, _image_origin(image.user)), entry
    if not 0 <= uid <= MAX_ID:
        raise UserUnknown(f'invalid USER value "{uid}": uid out of range')
    entry = next((account for account in known if account.uid == uid), None)
    origin = _image_origin(image.user) if image.user else "default (the image sets no USER)"
    return User(uid, entry.name if entry else "", origin), entry


def _image_origin(user: str) -> str:
    return f"image USER {user}" + (", whose group Kubernetes does not use" if ":" in user else "")


def group_of(pod: Pod, container: Container, entry: Account | None) -> Group:
    """The primary gid with its origin."""
    if container.security_context.run_as_group is not None:
        return Group(container.security_context.run_as_group, "container runAsGroup")
    if pod.security_context.run_as_group is not None:
        return Group(pod.security_context.run_as_group, "pod runAsGroup")
    if entry is not None:
        return Group(entry.gid, f"image /etc/passwd ({entry.name})")
    return Group(0, "default (the uid is not in the image's /etc/passwd)")


def supplementary_groups(pod: Pod, primary: Group, entry: Account | None, image: ImageFacts) -> tuple[Group, ...]:
    """All supplementary groups, sorted, without repeats; the primary gid is always among them."""
    context = pod.security_context
    origins = {primary.gid: primary.origin}
    if context.fs_group is not None:
        origins.setdefault(context.fs_group, "pod fsGroup")
    for gid in context.supplemental_groups:
        origins.setdefault(gid, "pod supplementalGroups")
    if entry is not None and context.supplemental_groups_policy != "Strict":
        for gid in memberships(image.group, entry.name):
            origins.setdefault(gid, "image /etc/group")
    return tuple(Group(gid, origins[gid]) for gid in sorted(origins))
