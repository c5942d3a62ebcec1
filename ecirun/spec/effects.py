"""Which fields of a pod ecirun acts on; every other one that the file sets is reported, so that no difference is silent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecirun.spec.findings import Findings

ACTED_ON: Mapping[str, frozenset[str]] = {
    "PodSpec": frozenset(
        "activeDeadlineSeconds containers dnsConfig dnsPolicy hostAliases hostIPC hostNetwork hostPID hostname "
        "hostnameOverride initContainers restartPolicy securityContext setHostnameAsFQDN shareProcessNamespace subdomain "
        "terminationGracePeriodSeconds volumes".split()
    ),
    "PodSecurityContext": frozenset(
        "fsGroup fsGroupChangePolicy runAsGroup runAsNonRoot runAsUser supplementalGroups supplementalGroupsPolicy "
        "sysctls".split()
    ),
    "Container": frozenset(
        "args command env envFrom image imagePullPolicy lifecycle livenessProbe name ports readinessProbe resources "
        "restartPolicy securityContext startupProbe stdin terminationMessagePath terminationMessagePolicy tty volumeMounts "
        "workingDir".split()
    ),
    "SecurityContext": frozenset(
        "capabilities privileged runAsUser runAsGroup runAsNonRoot readOnlyRootFilesystem allowPrivilegeEscalation "
        "procMount".split()
    ),
}

# The seccomp profiles that there are: one, and none.
CARRIED_OUT = ({"type": "RuntimeDefault"}, {"type": "Unconfined"})

# Values that ask for what happens here anyway, so that the defaults in the output of `kubectl get -o yaml` stay quiet.
NEUTRAL: Mapping[tuple[str, str], tuple[Any, ...]] = {
    ("PodSpec", "automountServiceAccountToken"): (False,),
    ("PodSpec", "enableServiceLinks"): (False, True),
    ("PodSpec", "hostUsers"): (True,),
    ("PodSpec", "os"): ({"name": "linux"},),
    ("PodSpec", "preemptionPolicy"): ("PreemptLowerPriority",),
    ("PodSpec", "schedulerName"): ("default-scheduler",),
    ("Container", "stdinOnce"): (False,),
    ("PodSecurityContext", "seccompProfile"): CARRIED_OUT,
    ("SecurityContext", "seccompProfile"): CARRIED_OUT,
}

# Fields that choose where in a cluster a pod runs, and with what rank: there is no such choice here.
PLACEMENT = frozenset(
    "affinity nodeName nodeSelector overhead preemptionPolicy priority priorityClassName runtimeClassName schedulerName "
    "schedulingGates schedulingGroup tolerations topologySpreadConstraints".split()
)

MEANING: Mapping[str, str] = {
    "appArmorProfile": "the workload runs without an AppArmor profile of its own",
    "seccompProfile": "the workload runs without a seccomp filter unless the type is RuntimeDefault",
    "seLinuxOptions": "the workload runs without an SELinux label of its own",
    "serviceAccountName": "there is no API server to hold an account",
    "automountServiceAccountToken": "there is no API server to issue a token",
    "imagePullSecrets": "images come from the local store",
}


def lack_of_effect(type_name: str, field: str) -> str:
    """Why a field does nothing here; empty for one that ecirun acts on."""
    if field in ACTED_ON[type_name]:
        return ""
    return "there is no cluster to place the pod in" if field in PLACEMENT else MEANING.get(field, "ecirun does not act on it")


def report_effectless(findings: Findings, values: Mapping[str, Any], type_name: str, path: str) -> None:
    """Add a warning for each field of the object at `path` that nothing here carries out."""
    for name, value in values.items():
        why = lack_of_effect(type_name, name)
        if why and value not in ([], {}) and value not in NEUTRAL.get((type_name, name), ()):
            findings.add("field-has-no-effect", f"{path}.{name}", value, f"has no effect here: {why}", severity="warning")


def report_resources(findings: Findings, resources: Mapping[str, Any], path: str) -> None:
    """Cpu and memory are what a control group can hold a container to."""
    for family in ("limits", "requests", "claims"):
        for name in resources.get(family, ()):
            if family == "claims" or name not in ("cpu", "memory"):
                where = f"{path}.{family}" + ("" if family == "claims" else f"[{name}]")
                message = "has no effect here: cpu and memory are all that is limited"
                findings.add("field-has-no-effect", where, name, message, severity="warning")


def report_mount(findings: Findings, mount: Mapping[str, Any], path: str) -> None:
    """How a volume is mounted here, where the file asks for more."""
    propagation = mount.get("mountPropagation")
    if propagation in ("HostToContainer", "Bidirectional"):
        message = "has no effect here: every mount is private to its container"
        findings.add("field-has-no-effect", f"{path}.mountPropagation", propagation, message, severity="warning")
