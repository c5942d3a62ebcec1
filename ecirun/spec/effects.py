"""Which fields of a pod ecirun acts on; every other one that the file sets is reported, so that no difference is silent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecirun.spec.findings import Findings

ACTED_ON: Mapping[str, frozenset[str]] = {
    "PodSpec": frozenset(
        "containers initContainers volumes securityContext hostNetwork hostPID hostIPC hostname restartPolicy "
        "terminationGracePeriodSeconds".split()
    ),
    "PodSecurityContext": frozenset(
        "sysctls runAsUser runAsGroup runAsNonRoot supplementalGroups supplementalGroupsPolicy fsGroup".split()
    ),
    "Container": frozenset(
        "name image command args workingDir env ports volumeMounts securityContext resources imagePullPolicy stdin tty".split()
    ),
    "SecurityContext": frozenset(
        "capabilities privileged runAsUser runAsGroup runAsNonRoot readOnlyRootFilesystem allowPrivilegeEscalation "
        "procMount".split()
    ),
}

# Values that ask for what happens here anyway, so that the defaults in the output of `kubectl get -o yaml` stay quiet.
NEUTRAL: Mapping[tuple[str, str], tuple[Any, ...]] = {
    ("PodSpec", "automountServiceAccountToken"): (False,),
    ("PodSpec", "enableServiceLinks"): (False,),
    ("PodSpec", "hostUsers"): (True,),
    ("PodSpec", "preemptionPolicy"): ("PreemptLowerPriority",),
    ("PodSpec", "schedulerName"): ("default-scheduler",),
    ("PodSpec", "setHostnameAsFQDN"): (False,),
    ("PodSpec", "shareProcessNamespace"): (False,),
    ("Container", "stdinOnce"): (False,),
    ("Container", "terminationMessagePath"): ("/dev/termination-log",),
    ("Container", "terminationMessagePolicy"): ("File",),
}

# Fields that choose where in a cluster a pod runs, and with what rank: there is no such choice here.
PLACEMENT = frozenset(
    "affinity nodeName nodeSelector overhead preemptionPolicy priority priorityClassName runtimeClassName schedulerName "
    "schedulingGates schedulingGroup tolerations topologySpreadConstraints".split()
)

MEANING: Mapping[str, str] = {
    "appArmorProfile": "the workload runs without an AppArmor profile of its own",
    "seccompProfile": "the workload runs without a seccomp filter",
    "seLinuxOptions": "the workload runs without an SELinux label of its own",
    "resources": "the limits are judged but not enforced",
    "livenessProbe": "nothing probes the container",
    "readinessProbe": "nothing probes the container",
    "startupProbe": "nothing probes the container",
    "lifecycle": "hooks are not called",
    "serviceAccountName": "there is no API server to hold an account",
    "automountServiceAccountToken": "there is no API server to issue a token",
    "imagePullSecrets": "images come from the local store",
    "shareProcessNamespace": "each container has a process namespace of its own",
}


def report_effectless(findings: Findings, values: Mapping[str, Any], type_name: str, path: str) -> None:
    """Add a warning for each field of the object at `path` that nothing here carries out."""
    for name, value in values.items():
        if name in ACTED_ON[type_name] or value in ([], {}) or value in NEUTRAL.get((type_name, name), ()):
            continue
        field_path = f"{path}.{name}"
        meaning = (
            "there is no cluster to place the pod in" if name in PLACEMENT else MEANING.get(name, "ecirun does not act on it")
        )
        findings.add("field-has-no-effect", field_path, value, f"has no effect here: {meaning}", severity="warning")


def report_resources(findings: Findings, resources: Mapping[str, Any], path: str) -> None:
    """Limits are read, for what is judged by them, but nothing enforces them."""
    if resources:
        findings.add("field-has-no-effect", path, resources, f"has no effect here: {MEANING['resources']}", severity="warning")


def report_mount(findings: Findings, mount: Mapping[str, Any], path: str) -> None:
    """How a volume is mounted here, where the file asks for more."""
    for field in ("subPath", "subPathExpr", "mountPropagation", "recursiveReadOnly"):
        if mount.get(field) and mount[field] not in ("None", "Disabled"):
            message = "has no effect here: the whole volume is mounted privately"
            findings.add("field-has-no-effect", f"{path}.{field}", mount[field], message, severity="warning")


def report_environment(findings: Findings, container: Mapping[str, Any], path: str) -> None:
    """Variables that nothing here sets."""
    for index, variable in enumerate(container.get("env", ())):
        if "valueFrom" in variable:
            what = f'variable "{variable.get("name", "")}" is not set'
            _no_value_from(findings, f"{path}.env[{index}].valueFrom", variable["valueFrom"], what)
    if container.get("envFrom"):
        _no_value_from(findings, f"{path}.envFrom", container["envFrom"], "its variables are not set")


def _no_value_from(findings: Findings, path: str, source: Any, what: str) -> None:
    hint = "give a plain value where the workload needs it"
    findings.add("env-value-from-not-set", path, source, f"has no effect here: {what}", hint=hint, severity="warning")
