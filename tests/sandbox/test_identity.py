"""Uid, gid and groups as the workload has them."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.sandbox

ID = "id -u; id -g; id -G; echo $HOME"


@pytest.mark.parametrize(
    ("pod", "container", "expected"),
    [
        ("", "", "0 / 0 / 0 10 / /root"),
        ("securityContext: {runAsUser: 1000}", "", "1000 / 0 / 0 / /"),
        ("securityContext: {runAsUser: 1000}", "securityContext: {runAsUser: 0}", "0 / 0 / 0 10 / /root"),
        ("", "securityContext: {runAsUser: 37}", "37 / 37 / 37 / /var"),
        ("securityContext: {runAsUser: 1000, runAsGroup: 3000}", "", "1000 / 3000 / 3000 / /"),
        ("securityContext: {runAsGroup: 3000}", "securityContext: {runAsGroup: 5}", "0 / 5 / 5 10 / /root"),
        ("securityContext: {fsGroup: 2000, supplementalGroups: [7, 6, 7]}", "", "0 / 0 / 0 6 7 10 2000 / /root"),
        (
            "securityContext: {runAsUser: 0, supplementalGroups: [6], supplementalGroupsPolicy: Strict}",
            "",
            "0 / 0 / 0 6 / /root",
        ),
        ("securityContext: {runAsUser: 2147483647}", "", "2147483647 / 0 / 0 / /"),
    ],
)
def test_ids_follow_kubernetes_rules(in_pod, pod, container, expected):
    result = in_pod(ID, pod=pod, container=container)
    assert (result.code, " / ".join(result.stdout.split("\n")[:-1]), result.stderr) == (0, expected, "")


def test_the_launchers_own_groups_do_not_leak(in_pod):
    result = in_pod("grep ^Groups /proc/self/status", pod="securityContext: {runAsUser: 1000, runAsGroup: 1000}")
    assert result.stdout.split() == ["Groups:", "1000"]


def test_run_as_non_root_refuses_the_root_user_of_the_image(ecirun, pod_file):
    result = ecirun("run", pod_file(pod="securityContext: {runAsNonRoot: true}"), "--", "id")
    assert result == (
        125,
        "",
        'ecirun: error: container has runAsNonRoot and image will run as root (pod: "test_default", container: main)\n'
        "    hint: set runAsUser to a uid other than 0, or take an image whose USER is a number other than 0\n",
    )


def test_run_as_non_root_takes_another_uid(in_pod):
    result = in_pod("id -u", pod="securityContext: {runAsNonRoot: true, runAsUser: 1}")
    assert result == (0, "1\n", "")
