"""`ecirun doctor` with more and fewer privileges of the container, and what a launch says for want of them."""

from __future__ import annotations

import json

import pytest

from ecirun.doctor.report import ENOUGH, ENOUGH_IN_PODMAN

SMALLEST = tuple(ENOUGH.removeprefix("docker run ").split())


def without(*flag: str) -> tuple[str, ...]:
    """The smallest set but for one flag."""
    at = next(at for at in range(len(SMALLEST)) if SMALLEST[at : at + 2] == flag)
    return SMALLEST[:at] + SMALLEST[at + 2 :]


@pytest.fixture
def examined(in_docker):
    """The doctor's exit code and its checks by name."""

    def run(flags):
        result = in_docker("doctor", "-o", "json", flags=flags)
        document = json.loads(result.stdout)
        assert (document["schema_version"], result.stderr) == (1, "")
        return result.code, {check["name"]: check for check in document["checks"]}

    return run


def lacking(checks):
    return [name for name, check in checks.items() if check["needed"] and check["status"] == "missing"]


@pytest.mark.parametrize("flags", [("--privileged",), SMALLEST], ids=["privileged", "smallest"])
def test_enough_is_enough(examined, in_docker, flags):
    code, checks = examined(flags)
    assert (code, lacking(checks)) == (0, [])
    result = in_docker("run", "example:network-admin", "--", "ip", "link", "set", "lo", "down", flags=flags)
    assert result == (0, "", "")


def test_the_smallest_set_keeps_limits_and_executes_for_other_users(in_docker, tmp_path):
    (tmp_path / "pod.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: busybox, "
        "securityContext: {runAsUser: 1000, capabilities: {add: [SYS_PTRACE]}}, "
        "resources: {limits: {memory: 32Mi}}, command: [dd, if=/dev/zero, of=/dev/null, bs=64M, count=1]}]}\n"
    )
    assert in_docker("run", "-q", "pod.yaml", flags=SMALLEST).code == 137


@pytest.mark.parametrize(
    ("flags", "needed", "says", "fix"),
    [
        (
            without("--cap-add", "NET_ADMIN"),
            ["CAP_NET_ADMIN"],
            "Can't run a pod: this process lacks CAP_NET_ADMIN",
            "in docker, add --privileged or --cap-add NET_ADMIN",
        ),
        (
            without("--cap-add", "SYS_ADMIN"),
            ["CAP_SYS_ADMIN"],
            "Can't run a pod: this process lacks CAP_SYS_ADMIN",
            "in docker, add --privileged or --cap-add SYS_ADMIN",
        ),
        (
            without("--security-opt", "seccomp=unconfined"),
            ["seccomp", "pivot-root", "keyring"],
            "Can't use keyctl, pivot_root: the seccomp filter of the surrounding container refuses it",
            "in docker, add --privileged or --security-opt seccomp=unconfined",
        ),
    ],
    ids=["NET_ADMIN", "SYS_ADMIN", "seccomp"],
)
def test_each_flag_of_the_smallest_set_is_needed_and_a_launch_says_what_the_doctor_says(
    examined, in_docker, flags, needed, says, fix
):
    code, checks = examined(flags)
    missing = lacking(checks)
    assert (code, missing[: len(needed)]) == (1, needed)
    assert (checks[needed[0]]["message"], checks[needed[0]]["fix"]) == (says, fix)
    launch = in_docker("run", "example:network", "--", "echo", "fine", flags=flags)
    assert launch == (125, "", f"ecirun: error: {says}\n    hint: {fix}\n")


def test_without_sys_ptrace_only_pods_that_add_it_are_refused(examined, in_docker, tmp_path):
    flags = without("--cap-add", "SYS_PTRACE")
    code, checks = examined(flags)
    assert (code, lacking(checks), checks["CAP_SYS_PTRACE"]["status"]) == (0, [], "missing")
    assert in_docker("run", "example:network", "--", "echo", "fine", flags=flags) == (0, "fine\n", "")
    (tmp_path / "pod.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: busybox, command: ['true'], "
        "securityContext: {capabilities: {add: [SYS_PTRACE]}}}]}\n"
    )
    assert in_docker("run", "pod.yaml", flags=flags) == (
        125,
        "",
        "ecirun: error: Can't grant container \"a\" CAP_SYS_PTRACE: this host's bounding set does not have it\n"
        "    hint: in docker, add --privileged or --cap-add SYS_PTRACE; or drop it in the spec\n",
    )


def test_plain_docker_run_is_told_all_that_it_needs(in_docker):
    result = in_docker("doctor", flags=())
    assert (result.code, result.stderr) == (1, "")
    *_lines, verdict, otherwise, command = result.stdout.splitlines()
    assert verdict.startswith("Pods cannot run here without CAP_NET_ADMIN, CAP_SYS_ADMIN, seccomp, namespace-mnt, ")
    assert otherwise == f"In docker, --privileged gives all, and this is enough (podman: and {ENOUGH_IN_PODMAN}):"
    assert command == f"  {ENOUGH}"
    launch = in_docker("run", "example:network", flags=())
    assert launch == (
        125,
        "",
        "ecirun: error: Can't run a pod: this process lacks CAP_NET_ADMIN, CAP_SYS_ADMIN\n"
        "    hint: in docker, add --privileged or --cap-add NET_ADMIN --cap-add SYS_ADMIN\n",
    )


def test_another_user_of_the_container_is_told_to_be_root(examined, in_docker):
    flags = ("--privileged", "--user", "1000")
    code, checks = examined(flags)
    assert (code, checks["uid"]["status"]) == (1, "missing")
    launch = in_docker("run", "example:network", flags=flags)
    assert (launch.code, launch.stdout) == (125, "")
    assert launch.stderr == f"ecirun: error: {checks['uid']['message']}\n    hint: {checks['uid']['fix']}\n"


def test_check_and_plan_need_no_flag_at_all(in_docker):
    assert in_docker("check", "example:network", flags=("--user", "1000", "--cap-drop", "ALL", "--read-only")).code == 0
    assert in_docker("plan", "example:network", flags=("--user", "1000", "--cap-drop", "ALL", "--read-only")).code == 0
