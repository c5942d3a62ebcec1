"""The ValidatingAdmissionPolicy and its binding as a YAML manifest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ecirun.policy.admission.vap.expressions import CONTAINERS, POD_SPEC, SYSCTLS, TEMPLATE, validations
from ecirun.policy.load import Policy

API_VERSION = "admissionregistration.k8s.io/v1"

# Every kind that holds a pod: API group, operations, resources. Nothing that is judged can change in a pod, and one that was
# there before the policy must still be able to lose its finalizers.
RESOURCES: Sequence[tuple[str, Sequence[str], Sequence[str]]] = (
    ("", ("CREATE",), ("pods",)),
    ("", ("CREATE", "UPDATE"), ("podtemplates", "replicationcontrollers")),
    ("apps", ("CREATE", "UPDATE"), ("daemonsets", "deployments", "replicasets", "statefulsets")),
    ("batch", ("CREATE", "UPDATE"), ("cronjobs", "jobs")),
)

HEAD = """\
# {title}
# What `ecirun check` calls an error, as a ValidatingAdmissionPolicy; made by `ecirun admission export`, not to be edited.
# Kubernetes gives each expression a cost of 1,000,000 and the whole policy 10,000,000; a pod that costs more is refused.
"""


def manifest(policy: Policy, *, unsupported: bool = True, writable_root: bool = False, label: str = "") -> str:
    """Both objects as YAML documents; `label` is KEY=VALUE, and then only pods with that label are judged."""
    objects = (
        policy_object(policy, unsupported=unsupported, writable_root=writable_root, label=label),
        binding_object(policy),
    )
    return HEAD.format(title=policy.title) + "".join(f"---\n{_dumped(entry)}" for entry in objects)


def policy_object(policy: Policy, *, unsupported: bool = True, writable_root: bool = False, label: str = "") -> dict[str, Any]:
    """The ValidatingAdmissionPolicy."""
    rules = policy.rules
    spec: dict[str, Any] = {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {
                    "apiGroups": [group],
                    "apiVersions": ["v1"],
                    "operations": list(operations),
                    "resources": list(resources),
                }
                for group, operations, resources in RESOURCES
            ]
        },
        "variables": [
            {"name": "template", "expression": TEMPLATE},
            {"name": "podSpec", "expression": POD_SPEC},
            {"name": "containers", "expression": CONTAINERS},
            {"name": "sysctls", "expression": SYSCTLS},
        ],
        "validations": [
            {
                "expression": validation.expression,
                "message": f"{rules[validation.rule].summary}: {rules[validation.rule].remedy} ({validation.rule})",
                "reason": "Forbidden",
            }
            for validation in validations(policy, unsupported=unsupported, writable_root=writable_root)
        ],
    }
    if label:
        spec["matchConditions"] = [{"name": "has-label", "expression": _has_label(label)}]
    return {
        "apiVersion": API_VERSION,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": _name(policy), "annotations": {"ecirun/source": policy.source}},
        "spec": spec,
    }


def binding_object(policy: Policy) -> dict[str, Any]:
    """The binding that makes the cluster refuse."""
    return {
        "apiVersion": API_VERSION,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": _name(policy)},
        "spec": {"policyName": _name(policy), "validationActions": ["Deny"]},
    }


def _name(policy: Policy) -> str:
    return f"{policy.name}.ecirun"


def _has_label(label: str) -> str:
    """Whether the pod, or the pod that the workload makes, has the label. (A condition sees no variables.)"""
    key, _, value = label.partition("=")
    return (
        f"[{TEMPLATE}].exists(t, has(t.metadata) && has(t.metadata.labels)\n"
        f"  && '{key}' in t.metadata.labels && t.metadata.labels['{key}'] == '{value}')"
    )


def _dumped(entry: dict[str, Any]) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes what has several lines as a block."""

    def block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    Dumper.add_representer(str, block)
    return yaml.dump(entry, Dumper=Dumper, sort_keys=False, width=4096, allow_unicode=True)
