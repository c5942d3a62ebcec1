"""What --admission takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecirun.errors import EcirunError
from ecirun.policy.admission.load import gate_names, load_gates


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (["pss:baseline"], "pss:baseline"),
        (["pss:restricted@v1.22"], "pss:restricted@v1.22"),
        (["pss:restricted@1.22"], "pss:restricted@v1.22"),
        (["pss:baseline@latest"], "pss:baseline"),
        (["pss:baseline@v1.20", "pss:restricted"], "pss:baseline@v1.20, pss:restricted"),
        (["kubelet", "pss:baseline", "psp:ack.privileged"], "psp:ack.privileged, pss:baseline, kubelet"),
        (["pss:baseline", "pss:baseline@latest"], "pss:baseline"),
        (["namespaces"], "namespaces"),
    ],
)
def test_gates_stand_in_the_order_of_a_cluster_and_each_once(wanted: list[str], names: str) -> None:
    assert load_gates(wanted).names == names


NAMES = ", ".join(gate_names())


@pytest.mark.parametrize(
    ("wanted", "message", "hint"),
    [
        (
            "pss:strict",
            'Can\'t take Pod Security Standard "pss:strict": must be one of privileged, baseline, restricted',
            "write pss:LEVEL or pss:LEVEL@VERSION, as in pss:baseline@v1.25",
        ),
        (
            "pss:baseline@v2",
            'Can\'t take Pod Security Standard "pss:baseline@v2": must be "latest" or "v1.x"',
            "write pss:LEVEL or pss:LEVEL@VERSION, as in pss:baseline@v1.25",
        ),
        (
            "psp:ack.restricted",
            'Can\'t find PodSecurityPolicy "psp:ack.restricted"',
            "choose one of psp:ack.allow-unsafe-sysctls, psp:ack.privileged, or give its manifest",
        ),
        ("kublet", 'Can\'t find admission "kublet"', "did you mean kubelet?"),
        (
            "nothing.yaml",
            "Can't read nothing.yaml: No such file or directory",
            f"give a manifest with PodSecurityPolicies or Namespaces, or one of {NAMES}",
        ),
    ],
)
def test_what_does_not_exist_is_said_with_what_does(wanted: str, message: str, hint: str) -> None:
    with pytest.raises(EcirunError) as caught:
        load_gates([wanted])
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_manifest_without_a_policy_is_none(tmp_path: Path) -> None:
    file = tmp_path / "role.yaml"
    file.write_text("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: a}\n")
    with pytest.raises(EcirunError) as caught:
        load_gates([str(file)])
    assert caught.value.message == f"Can't take {file} for admission: it holds no PodSecurityPolicy and no Namespace"


def test_roles_beside_a_policy_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "psp.yaml"
    file.write_text(
        "apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata: {name: mine}\nspec:\n"
        "  runAsUser: {rule: RunAsAny}\n  seLinux: {rule: RunAsAny}\n  fsGroup: {rule: RunAsAny}\n"
        "  supplementalGroups: {rule: RunAsAny}\n---\n"
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: a}\n"
    )
    assert load_gates([str(file)]).names == "psp:mine"
