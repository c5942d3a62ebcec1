"""A plan in a few lines."""

from __future__ import annotations

import ecirun
from ecirun.report.plan_brief import plan_brief


def test_it_says_what_decides_a_test(tmp_path):
    pod = ecirun.pod(
        command=["sh", "-c", "echo 'a b'\n"],
        capabilities=["NET_ADMIN"],
        drop=["ALL"],
        security_context={"runAsUser": 1000, "runAsGroup": 3000, "allowPrivilegeEscalation": False},
        pod_security_context={"supplementalGroups": [4000]},
        sysctls={"net.core.somaxconn": "1024"},
    )
    text = plan_brief(ecirun.plan(pod, store=str(tmp_path), writable_root=True))
    assert text.replace("(pod)", "(unknown)") == (
        "Pod default/pod, judged by eci-2024-02-26, network loopback\n"
        "sysctl net.core.somaxconn = 1024 (unknown)\n"
        "container main: uid 1000, gid 3000, groups 3000 4000, root writable, no_new_privs\n"
        "    bounding  0000000000001000 NET_ADMIN\n"
        "    effective 0000000000000000 (empty)\n"
        "    command   sh -c 'echo '\"'\"'a b'\"'\"'\\n'"
    )


def test_containers_without_groups_and_with_the_root_of_the_image(tmp_path):
    text = plan_brief(ecirun.plan(ecirun.pod(), store=str(tmp_path)))
    assert "container main: uid 0, gid 0, groups 0, root read-only, new privileges allowed\n" in text
