"""Uid, gid and groups with their origins, for users of image and spec."""

from __future__ import annotations

import pytest
from planned import container_of, image

from ecirun.errors import ImageBroken, PodRefused
from ecirun.plan.identity import accounts, image_user, memberships

NO_ENTRY = "default (the uid is not in the image's /etc/passwd)"


def who(**parts):
    plan = container_of(**parts)
    return plan.user, plan.group, [group.gid for group in plan.supplementary_groups], plan.command.env["HOME"]


@pytest.mark.parametrize(
    ("user", "uid", "name", "gid", "home"),
    [
        ("", 0, "root", 0, "/root"),
        ("0", 0, "root", 0, "/root"),
        ("root", 0, "root", 0, "/root"),
        ("1000", 1000, "app", 1001, "/home/app"),
        ("app", 1000, "app", 1001, "/home/app"),
        ("app:video", 1000, "app", 1001, "/home/app"),
        ("1000:44", 1000, "app", 1001, "/home/app"),
        (":44", 0, "root", 0, "/root"),
        ("+7", 7, "", 0, "/"),
        ("007", 7, "", 0, "/"),
        ("4321", 4321, "", 0, "/"),
        ("4321:5", 4321, "", 0, "/"),
        ("2147483647", 2147483647, "", 0, "/"),
    ],
)
def test_the_image_user(user, uid, name, gid, home):
    planned, group, _groups, found = who(image=image(user=user))
    assert (planned.uid, planned.name, group.gid, found) == (uid, name, gid, home)
    lost = ", whose group Kubernetes does not use" if ":" in user else ""
    assert planned.origin == (f"image USER {user}{lost}" if user else "default (the image sets no USER)")


@pytest.mark.parametrize(
    ("user", "problem"),
    [
        ("ghost", "no users found: the image's USER 'ghost' is not in its /etc/passwd"),
        ("0x10", "no users found: the image's USER '0x10' is not in its /etc/passwd"),
        ("٣", "no users found: the image's USER '٣' is not in its /etc/passwd"),
        ("2147483648", 'invalid USER value "2147483648": uid out of range'),
        ("-5", 'invalid USER value "-5": uid out of range'),
    ],
)
def test_an_image_user_that_cannot_be(user, problem):
    with pytest.raises(ImageBroken) as caught:
        container_of(image=image(user=user))
    assert caught.value.message == f'Can\'t find the user of container "main": {problem}'
    assert caught.value.hint == "set runAsUser"


@pytest.mark.parametrize(
    ("pod", "container", "user", "expected"),
    [
        ("", "{runAsUser: 4}", "app", (4, "sync", "container runAsUser", 100, "image /etc/passwd (sync)")),
        ("{runAsUser: 4}", "", "app", (4, "sync", "pod runAsUser", 100, "image /etc/passwd (sync)")),
        ("{runAsUser: 4}", "{runAsUser: 9}", "", (9, "", "container runAsUser", 0, NO_ENTRY)),
        ("{runAsUser: 4}", "{runAsUser: 0}", "", (0, "root", "container runAsUser", 0, "image /etc/passwd (root)")),
        ("{runAsUser: 4, runAsGroup: 7}", "", "", (4, "sync", "pod runAsUser", 7, "pod runAsGroup")),
        ("{runAsGroup: 7}", "{runAsGroup: 0}", "app", (1000, "app", "image USER app", 0, "container runAsGroup")),
        ("{runAsGroup: 7}", "{runAsUser: 5}", "", (5, "", "container runAsUser", 7, "pod runAsGroup")),
        ("", "{runAsGroup: 8}", "ghost", None),
    ],
)
def test_the_container_wins_over_the_pod_and_the_pod_over_the_image(pod, container, user, expected):
    parts = {
        "pod": f"securityContext: {pod}" if pod else "",
        "container": f"securityContext: {container}" if container else "",
        "image": image(user=user),
    }
    if expected is None:
        with pytest.raises(ImageBroken):
            container_of(**parts)
        return
    planned, group, _groups, _home = who(**parts)
    assert (*planned, *group) == expected


@pytest.mark.parametrize(
    ("context", "groups"),
    [
        ("{}", [0, 10]),
        ("{runAsUser: 1000}", [10, 44, 1001]),
        ("{runAsUser: 1000, runAsGroup: 3}", [3, 10, 44]),
        ("{runAsUser: 1000, supplementalGroupsPolicy: Strict}", [1001]),
        ("{runAsUser: 1000, supplementalGroupsPolicy: Strict, supplementalGroups: [44, 9], fsGroup: 8}", [8, 9, 44, 1001]),
        ("{runAsUser: 1000, supplementalGroupsPolicy: Merge, supplementalGroups: [44, 44]}", [10, 44, 1001]),
        ("{runAsUser: 77, supplementalGroups: [5, 4], fsGroup: 5}", [0, 4, 5]),
        ("{runAsUser: 77, fsGroup: 0}", [0]),
    ],
)
def test_groups_are_sorted_and_hold_the_primary_one(context, groups):
    assert who(pod=f"securityContext: {context}")[2] == groups


def test_each_group_says_where_it_comes_from():
    plan = container_of(pod="securityContext: {runAsUser: 1000, runAsGroup: 3, supplementalGroups: [9], fsGroup: 8}")
    assert [tuple(group) for group in plan.supplementary_groups] == [
        (3, "pod runAsGroup"),
        (8, "pod fsGroup"),
        (9, "pod supplementalGroups"),
        (10, "image /etc/group"),
        (44, "image /etc/group"),
    ]


@pytest.mark.parametrize(
    ("user", "problem"),
    [
        ("", 'image will run as root (pod: "test_default", container: main)'),
        ("0", 'image will run as root (pod: "test_default", container: main)'),
        ("0:0", 'image will run as root (pod: "test_default", container: main)'),
        ("+0", 'image will run as root (pod: "test_default", container: main)'),
        (
            "root",
            'image has non-numeric user (root), cannot verify user is non-root (pod: "test_default", container: main)',
        ),
        (
            "app",
            'image has non-numeric user (app), cannot verify user is non-root (pod: "test_default", container: main)',
        ),
        (
            "-1",
            "image has an invalid user id (-1). (Must be 1-(2147483647)): must be between 0 and 2147483647, inclusive",
        ),
        (
            "2147483648",
            "image has an invalid user id (2147483648). (Must be 1-(2147483647)): must be between 0 and 2147483647, inclusive",
        ),
    ],
)
@pytest.mark.parametrize("level", ["pod", "container"])
def test_run_as_non_root_judges_the_image_user(user, problem, level):
    with pytest.raises(PodRefused) as caught:
        container_of(image=image(user=user), **{level: "securityContext: {runAsNonRoot: true}"})
    assert caught.value.message == f"container has runAsNonRoot and {problem}"
    assert caught.value.hint == "set runAsUser to a uid other than 0, or take an image whose USER is a number other than 0"


@pytest.mark.parametrize(
    ("pod", "container", "user"),
    [
        ("{runAsNonRoot: true, runAsUser: 7}", "{}", "root"),
        ("{runAsNonRoot: true}", "{runAsUser: 7}", "root"),
        ("{runAsNonRoot: true}", "{runAsNonRoot: false}", "root"),
        ("{runAsNonRoot: true}", "{}", "1000"),
        ("{runAsNonRoot: true}", "{}", "1000:0"),
        ("{runAsNonRoot: false}", "{}", "root"),
        ("{}", "{runAsNonRoot: true}", "4321"),
    ],
)
def test_run_as_non_root_is_content(pod, container, user):
    plan = container_of(pod=f"securityContext: {pod}", container=f"securityContext: {container}", image=image(user=user))
    assert plan.user.uid != 0 or user == "root"


def test_lines_of_passwd_that_are_none_are_passed_over():
    text = "junk\n\na:x:1:2\nb:x:-1:2::/:\nc:x:٣:2::/:\nd:x:4294967296:2::/:\n+::::::\ne:x:3:4:gecos:/home/e:/bin/sh:more\n"
    assert [tuple(account) for account in accounts(text)] == [("a", 1, 2, ""), ("e", 3, 4, "/home/e")]


def test_lines_of_group_that_are_none_are_passed_over():
    assert memberships("junk\na:x:1:app\nb:x:99999999999:app\nc:x:2:apples\nd:x:3:x,app\n+:::\n", "app") == [1, 3]


def test_a_user_number_of_any_length_is_not_taken_for_a_number_that_it_is_not():
    assert image_user("9" * 30) == (None, "9" * 30)
