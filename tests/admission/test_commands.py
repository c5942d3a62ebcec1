"""--admission on the command line, and `ecirun admission`, black box."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from running import Result

from ecirun.policy.admission.outcome import admission_rules
from ecirun.policy.load import load_policy
from ecirun.spec import spec_rules

Run = Callable[..., Result]
File = Callable[..., str]

SYSCTLS = "securityContext:\n  sysctls:\n  - {name: net.core.somaxconn, value: '1024'}"


def test_admission_is_off_unless_it_is_asked_for(ecirun: Run, pod_file: File) -> None:
    file = pod_file(pod=SYSCTLS)
    assert ecirun("check", file).stdout == f"{file}:1:1: Pod test: admitted by eci-2024-02-26\n"


def test_one_line_says_which_stage_refused(ecirun: Run, pod_file: File) -> None:
    file = pod_file(pod=SYSCTLS)
    result = ecirun("check", "--admission", "psp:ack.privileged", file)
    assert result.code == 1
    assert result.stdout == f"{file}:1:1: Pod test: refused at admission by psp:ack.privileged (1 error)\n"
    assert result.stderr == (
        f"{file}:8:14: error: spec.securityContext.sysctls[0].name: Forbidden: "
        'unsafe sysctl "net.core.somaxconn" is not allowed\n'
        "    hint: remove the sysctl, or add a policy with allowedUnsafeSysctls, such as psp:ack.allow-unsafe-sysctls "
        '(PodSecurityPolicy "ack.privileged")\n'
        "    rule: psp-sysctls (documented) — ecirun explain psp-sysctls\n"
        f'{file}:1:1: error: pods "test" is forbidden: PodSecurityPolicy: unable to admit pod: '
        '[pod.spec.securityContext.sysctls[0]: Forbidden: unsafe sysctl "net.core.somaxconn" is not allowed]\n'
    )


def test_both_of_acks_policies_and_the_kubelets_flag_admit_it(ecirun: Run, pod_file: File) -> None:
    file = pod_file(pod=SYSCTLS)
    gates = ["--admission", "psp:ack.privileged", "--admission", "psp:ack.allow-unsafe-sysctls"]
    result = ecirun("check", *gates, "--allowed-unsafe-sysctls", "net.*,kernel.msg*", file)
    assert result.code == 0
    assert result.stdout.endswith("admitted by psp:ack.privileged,psp.allow-unsafe-sysctls, kubelet, eci-2024-02-26\n")
    assert 'metadata.annotations[kubernetes.io/psp]: admitted by PodSecurityPolicy "psp.allow-unsafe-sysctls"' in result.stderr


def test_policy_none_leaves_ecis_own_rules_out(ecirun: Run, pod_file: File) -> None:
    file = pod_file(pod="hostPID: true", container="securityContext: {privileged: true}")
    assert ecirun("check", "--policy", "none", file).stdout.endswith("admitted by the Kubernetes API's own rules\n")
    result = ecirun("check", "--policy", "none", "--admission", "pss:baseline@1.25", "-o", "json", file)
    document = json.loads(result.stdout)
    assert (result.code, document["policy"]) == (1, "none")
    (pod,) = document["pods"]
    assert (pod["verdict"], pod["stage"]) == ("refused", "admission")
    assert [finding["rule"] for finding in pod["findings"]] == ["pss-host-namespaces", "pss-privileged"]


def test_the_spec_stage_comes_before_admission_and_admission_before_the_policy(ecirun: Run, pod_file: File) -> None:
    file = pod_file(pod="hostPID: true\nrestartPolicy: Sometimes")
    document = json.loads(ecirun("check", "--admission", "pss:baseline", "-o", "json", file).stdout)
    assert document["pods"][0]["stage"] == "spec"
    assert {finding["rule"] for finding in document["pods"][0]["findings"]} == {
        "unsupported-value",
        "pss-host-namespaces",
        "host-pid",
    }


def test_namespaces_that_stand_before_the_pods_in_the_input_can_judge_them(ecirun: Run, tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: team\n"
        "  labels: {pod-security.kubernetes.io/enforce: baseline}\n---\n"
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: team}\nspec:\n  hostIPC: true\n"
        "  containers: [{name: c, image: busybox}]\n"
    )
    arguments = ("check", "--policy", "none", "-q", str(file))
    assert ecirun(*arguments).code == 0
    result = ecirun(*arguments, "--admission", "namespaces")
    assert result.stdout == f"{file}:7:1: Pod a: refused at admission by namespaces (1 error)\n"


def test_a_namespace_given_as_file_judges_a_pod_that_names_none(ecirun: Run, pod_file: File, tmp_path: Path) -> None:
    namespace = tmp_path / "ns.yaml"
    namespace.write_text(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: team\n  labels: {pod-security.kubernetes.io/enforce: restricted}\n"
    )
    result = ecirun("check", "-q", "--admission", str(namespace), pod_file())
    assert result.stdout.endswith("Pod test: refused at admission by namespaces (4 errors)\n")


def test_plan_takes_the_pod_that_the_policy_made(ecirun: Run, pod_file: File, tmp_path: Path) -> None:
    policy = tmp_path / "psp.yaml"
    policy.write_text(
        "apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata: {name: mine}\nspec:\n"
        "  runAsUser: {rule: MustRunAs, ranges: [{min: 4321, max: 4400}]}\n  seLinux: {rule: RunAsAny}\n"
        "  fsGroup: {rule: RunAsAny}\n  supplementalGroups: {rule: RunAsAny}\n  requiredDropCapabilities: [NET_RAW]\n"
    )
    result = ecirun("plan", "--admission", str(policy), "-o", "json", pod_file())
    (container,) = json.loads(result.stdout)["containers"]
    assert container["user"] == {"uid": 4321, "name": "", "origin": "container runAsUser"}
    assert "NET_RAW" not in container["capabilities"]["bounding"]["names"]
    assert 'spec.containers[0].securityContext.runAsUser: PodSecurityPolicy "mine" sets it' in result.stderr


@pytest.mark.parametrize("command", ["plan", "run"])
def test_what_admission_refuses_is_neither_planned_nor_run(ecirun: Run, pod_file: File, command: str) -> None:
    result = ecirun(command, "--admission", "kubelet", pod_file(pod=SYSCTLS))
    assert result.code == 125
    assert result.stdout == ""
    assert result.stderr.endswith(
        'ecirun: error: Can\'t run pod "test": it is refused at admission by kubelet\n'
        "    hint: correct what is said above; nothing was started\n"
    )


@pytest.mark.parametrize(
    ("parts", "options", "message"),
    [
        (
            {"pod": "hostNetwork: true"},
            (),
            "spec.hostNetwork: ecirun gives no pod anything of this host\n    hint: remove hostNetwork",
        ),
        (
            {"container": "securityContext: {privileged: true}"},
            ("--unsupported", "ignore"),
            "spec.containers[0].securityContext.privileged: ecirun gives no pod anything of this host\n    hint: ",
        ),
        (
            {"container": "securityContext: {capabilities: {add: [SYS_MODULE]}}"},
            (),
            "spec.containers[0].securityContext.capabilities.add[0]: ecirun gives no pod a capability that reaches beyond it\n"
            "    hint: ",
        ),
        (
            {"pod": "securityContext: {sysctls: [{name: kernel.panic, value: '1'}]}"},
            ("--sysctls", "host"),
            "spec.securityContext.sysctls[0].name: ecirun gives no pod anything of this host\n    hint: ",
        ),
    ],
)
def test_without_a_policy_the_host_is_as_safe_as_with_one(
    ecirun: Run, pod_file: File, parts: dict[str, str], options: tuple[str, ...], message: str
) -> None:
    result = ecirun("plan", "-q", "--policy", "none", *options, pod_file(**parts))
    assert result.code == 125
    assert result.stdout == ""
    assert result.stderr.startswith(f'ecirun: error: Can\'t run pod "test": {message}')


def test_without_a_policy_the_root_can_be_written_unless_the_container_says_otherwise(ecirun: Run, pod_file: File) -> None:
    def read_only(container: str) -> bool:
        result = ecirun("plan", "--policy", "none", "-o", "json", pod_file(container=container))
        return bool(json.loads(result.stdout)["containers"][0]["root"]["read_only"])

    assert not read_only("")
    assert read_only("securityContext: {readOnlyRootFilesystem: true}")


def test_an_unknown_gate_is_a_usage_error(ecirun: Run, pod_file: File) -> None:
    result = ecirun("check", "--admission", "pss:base", pod_file())
    assert result.code == 2
    assert result.stderr == (
        'ecirun: error: Can\'t take Pod Security Standard "pss:base": must be one of privileged, baseline, restricted\n'
        "    hint: write pss:LEVEL or pss:LEVEL@VERSION, as in pss:baseline@v1.25\n"
    )


def test_every_rule_of_every_stage_is_explained() -> None:
    from click.testing import CliRunner

    from ecirun.cli.explain import command

    for rule in (*spec_rules(), *admission_rules(), *load_policy().rules):
        result = CliRunner().invoke(command, [rule], standalone_mode=False)
        assert result.output.startswith(f"{rule}\n")


def test_ls_lists_names_and_rules(ecirun: Run) -> None:
    text = ecirun("admission", "ls").stdout
    assert text.startswith("names: pss:privileged, pss:baseline, pss:restricted, psp:ack.allow-unsafe-sysctls, ")
    document = json.loads(ecirun("admission", "ls", "-o", "json").stdout)
    assert [rule["id"] for rule in document["rules"]] == list(admission_rules())
    assert all(rule in text for rule in admission_rules())
    assert ecirun("admission", "ls", "-o", "md").stdout.count("\n") == len(admission_rules()) + 2


def test_show_prints_a_policy_or_the_checks_of_a_standard(ecirun: Run) -> None:
    assert "name: ack.privileged\n" in ecirun("admission", "show", "psp:ack.privileged").stdout
    old = ecirun("admission", "show", "pss:restricted@v1.10").stdout
    assert "pss-allow-privilege-escalation" in old
    assert "pss-capabilities-restricted" not in old
    assert ecirun("admission", "show", "pss:privileged").stdout == "nothing is forbidden\n"


def test_export_writes_what_kubectl_applies(ecirun: Run) -> None:
    result = ecirun("admission", "export", "--format", "vap", "-o", "json")
    kinds = [entry["kind"] for entry in json.loads(result.stdout)["items"]]
    assert kinds == ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"]
    assert ecirun("admission", "export", "--policy", "none").stderr == (
        "ecirun: error: Can't export policy none: it has no rules\n    hint: choose one of ECI's policies\n"
    )
