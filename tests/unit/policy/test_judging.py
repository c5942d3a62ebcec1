"""What the options change in a judgement, and how findings come together."""

from __future__ import annotations

import pytest
from running import pod_yaml

from ecirun.policy.judge import Options, judge
from ecirun.policy.load import load_policy
from ecirun.spec import read_pods

POLICY = load_policy()


def said(options: Options = Options(), **parts: str) -> list[tuple[str, str, str]]:  # noqa: B008
    (reading,) = read_pods(pod_yaml(**parts).encode(), "pod.yaml", validate="ignore")
    assert reading.pod is not None
    return [(finding.rule.id, finding.severity, finding.message) for finding in judge(reading.pod, POLICY, options)]


@pytest.mark.parametrize(
    ("context", "finding"),
    [
        ("privileged: true", ("privileged-unsupported", "warning", "ignored: the container is not privileged")),
        ("procMount: Unmasked", ("proc-mount-unsupported", "warning", "ignored: /proc is masked")),
        (
            "readOnlyRootFilesystem: false",
            ("writable-root-unsupported", "warning", "ignored: the root file system is read-only"),
        ),
    ],
)
def test_unsupported_fields_can_be_ignored(context, finding):
    ignoring = Options(unsupported="ignore")
    assert said(ignoring, container=f"securityContext: {{{context}}}", pod="hostUsers: false") == [finding]


def test_a_writable_root_may_be_asked_for():
    assert said(Options(writable_root=True), container="securityContext: {readOnlyRootFilesystem: false}") == []


MIN_FREE = 'securityContext: {sysctls: [{name: vm.min_free_kbytes, value: "300000"}]}'


def test_without_a_limit_min_free_kbytes_is_measured_by_this_hosts_memory():
    gibibyte = Options(host_memory=lambda: 1 << 30)
    message = "is more than 20 % of this host's memory (1048576 KiB)"
    assert said(gibibyte, pod=MIN_FREE) == [("min-free-kbytes-large", "warning", message)]
    assert said(Options(host_memory=lambda: 2 << 30), pod=MIN_FREE) == []
    assert said(Options(host_memory=lambda: None), pod=MIN_FREE) == []


def test_with_limits_this_hosts_memory_is_never_asked_for():
    def never() -> int:
        raise AssertionError("asked for this host's memory")

    assert said(Options(host_memory=never), pod=MIN_FREE, container="resources: {limits: {memory: 2Gi}}") == []


def test_all_containers_are_judged_and_what_is_found_comes_in_the_order_of_the_file():
    pod = "initContainers: [{name: a, image: b, securityContext: {capabilities: {add: [SYS_TIME]}}}]\nhostPID: true"
    context = "securityContext: {capabilities: {add: [SYS_BOOT], drop: [BOGUS]}}"
    found = [rule for rule, _severity, _message in said(pod=pod, container=context)]
    assert found == ["capability-not-permitted", "host-pid", "capability-not-permitted", "capability-unknown"]
