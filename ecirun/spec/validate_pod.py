"""What the API requires of a pod as a whole (Kubernetes pkg/apis/core/validation/validation.go), in the API's own order."""

from __future__ import annotations

from collections.abc import Iterable

from ecirun.spec import names
from ecirun.spec.effects import report_effectless
from ecirun.spec.findings import Findings
from ecirun.spec.validate_container import Surroundings, validate_containers
from ecirun.spec.validate_field import MAX_ID, Values, in_range, one_of, require
from ecirun.spec.validate_security import validate_annotated_profiles, validate_pod_security_context

# What a workload allows in its template, where a pod may have more.
RESTART_POLICIES = {
    "Deployment": ("Always",),
    "ReplicaSet": ("Always",),
    "StatefulSet": ("Always",),
    "DaemonSet": ("Always",),
    "ReplicationController": ("Always",),
    "Job": ("OnFailure", "Never"),
    "CronJob": ("OnFailure", "Never"),
}
DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
SCHEDULING = ("nodeSelector", "affinity", "readinessGates", "schedulingGates", "topologySpreadConstraints")
CONTAINER_FAMILIES = ("initContainers", "containers")


def validate_pod_spec(
    findings: Findings, spec: Values, path: str, kind: str, metadata: Values, claims: Iterable[str] = ()
) -> None:
    """Check the pod spec at `path` of an object of that kind.

    `metadata` is the pod's own; `claims` are volumes that its owner gives it.
    """
    pod_name = metadata.get("name", "") if kind == "Pod" else None
    grace = spec.get("terminationGracePeriodSeconds", 30)
    if grace < 0:
        message = "must be >= 0; negative values are invalid and will be treated as 1"
        findings.add("invalid-value", f"{path}.terminationGracePeriodSeconds", grace, message, severity="warning")
    volumes = dict.fromkeys(claims, "persistentVolumeClaim")
    if "volumes" in spec:
        from ecirun.spec.validate_volumes import validate_volumes

        account = (spec.get("serviceAccountName") or spec.get("serviceAccount", "")) if kind == "Pod" else None
        volumes |= validate_volumes(findings, spec["volumes"], f"{path}.volumes", pod_name, account)
    _validate_containers(findings, spec, path, volumes)
    _validate_ephemeral(findings, spec, f"{path}.ephemeralContainers", kind)
    if "resources" in spec:
        from ecirun.spec.validate_resources import validate_pod_resources

        validate_pod_resources(findings, spec, path)
    _validate_host_network(findings, spec, path)
    _validate_restart_policy(findings, spec, path, kind)
    one_of(findings, spec, "dnsPolicy", path, DNS_POLICIES, default=True)
    validate_pod_security_context(findings, spec, spec.get("securityContext", {}), f"{path}.securityContext")
    if spec.get("hostPID") and spec.get("shareProcessNamespace"):
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        where = f"{path}.shareProcessNamespace"
        findings.invalid(where, True, detail, hint="remove hostPID", rule="forbidden-combination")
    if "dnsConfig" in spec or spec.get("dnsPolicy") == "None":
        from ecirun.spec.validate_dns import validate_dns_config

        validate_dns_config(findings, spec, f"{path}.dnsConfig")
    _validate_placement(findings, spec, path, kind)
    _validate_names(findings, spec, path)
    _validate_system(findings, spec, path)
    annotations = metadata.get("annotations")
    if annotations:
        validate_annotated_profiles(findings, annotations, _all_containers(spec, path), spec, path)
    report_effectless(findings, spec, "PodSpec", path)


def _all_containers(spec: Values, path: str) -> list[tuple[str, Values]]:
    return [
        (f"{path}.{family}[{index}]", container)
        for family in CONTAINER_FAMILIES
        for index, container in enumerate(spec.get(family, ()))
    ]


def _validate_containers(findings: Findings, spec: Values, path: str, volumes: dict[str, str]) -> None:
    claims: set[str] = set()
    if "resourceClaims" in spec:
        from ecirun.spec.validate_scheduling import validate_resource_claims

        validate_resource_claims(findings, spec["resourceClaims"], f"{path}.resourceClaims")
        claims = {claim["name"] for claim in spec["resourceClaims"] if claim.get("name")}
    around = Surroundings(
        volumes=volumes,
        claims=claims,
        grace=spec.get("terminationGracePeriodSeconds", 30),
        restart_policy=spec.get("restartPolicy") or "Always",
        os_name=spec["os"].get("name", "") if "os" in spec else None,
        host_users=spec.get("hostUsers") is not False,
    )
    taken: set[str] = set()
    if require(findings, spec, "containers", path, hint="add at least one container"):
        validate_containers(findings, spec["containers"], f"{path}.containers", around, taken, init=False)
    init = spec.get("initContainers", [])
    validate_containers(findings, init, f"{path}.initContainers", around, taken, init=True)


def _validate_ephemeral(findings: Findings, spec: Values, path: str, kind: str) -> None:
    if spec.get("ephemeralContainers"):
        detail = "cannot be set on create" if kind == "Pod" else "ephemeral containers not allowed in pod template"
        findings.forbidden(path, detail, hint="remove them: kubectl debug adds them to a pod that runs")


def _validate_host_network(findings: Findings, spec: Values, path: str) -> None:
    if not spec.get("hostNetwork"):
        return
    for index, container in enumerate(spec.get("containers", ())):
        for at, port in enumerate(container.get("ports", ())):
            if port.get("hostPort") and port["hostPort"] != port.get("containerPort"):
                where = f"{path}.containers[{index}].ports[{at}].hostPort"
                detail = "must match `containerPort` when `hostNetwork` is true"
                findings.invalid(where, port["hostPort"], detail, hint="remove hostPort", rule="forbidden-combination")


def _validate_restart_policy(findings: Findings, spec: Values, path: str, kind: str) -> None:
    policy, where = spec.get("restartPolicy"), f"{path}.restartPolicy"
    if policy and policy not in ("Always", "OnFailure", "Never"):
        findings.unsupported(where, policy, ("Always", "OnFailure", "Never"))
    elif kind in ("Job", "CronJob"):
        if (policy or "Always") == "Always":
            detail = 'valid values: "OnFailure", "Never"'
            findings.required(where, detail, hint="write restartPolicy: Never, or OnFailure: a Job ends")
    elif policy and policy not in RESTART_POLICIES.get(kind, (policy,)):
        findings.unsupported(
            where, policy, RESTART_POLICIES[kind], hint=f"remove restartPolicy: a {kind} keeps its pods running"
        )


def _validate_placement(findings: Findings, spec: Values, path: str, kind: str) -> None:
    if any(field in spec for field in SCHEDULING):
        from ecirun.spec.validate_scheduling import validate_scheduling

        validate_scheduling(findings, spec, path)
    if "tolerations" in spec:
        from ecirun.spec.validate_scheduling import validate_tolerations

        validate_tolerations(findings, spec["tolerations"], f"{path}.tolerations")
    for field in ("nodeName", "priorityClassName", "runtimeClassName"):
        name = spec.get(field)
        if name or (name is not None and field == "runtimeClassName"):
            hint = f"remove {field}: there is no cluster to choose from"
            findings.invalid(f"{path}.{field}", name, *names.dns_subdomain(name), hint=hint)
    if kind == "Pod" and spec.get("nodeName") and spec.get("schedulingGates"):
        findings.forbidden(f"{path}.nodeName", "cannot be set until all schedulingGates have been cleared")
    one_of(findings, spec, "preemptionPolicy", path, ("PreemptLowerPriority", "Never"))
    if "overhead" in spec:
        from ecirun.spec.validate_resources import validate_resources

        validate_resources(findings, {"limits": spec["overhead"]}, f"{path}.overhead", ())


def _validate_names(findings: Findings, spec: Values, path: str) -> None:
    for field in ("serviceAccountName", "serviceAccount"):
        if name := spec.get(field):
            # The second is the older name of the first.
            findings.invalid(f"{path}.{field}", name, *names.dns_subdomain(name), hint="correct the account's name")
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= MAX_ID:
        findings.invalid(f"{path}.activeDeadlineSeconds", deadline, in_range(1, MAX_ID), hint="give seconds from 1 on")
    for field in ("hostname", "subdomain"):
        if name := spec.get(field):
            hint = "use one DNS label: lower case letters, digits and -"
            findings.invalid(f"{path}.{field}", name, *names.dns_label(name), hint=hint)
    if "hostAliases" in spec:
        from ecirun.spec.validate_dns import validate_host_aliases

        validate_host_aliases(findings, spec["hostAliases"], f"{path}.hostAliases")
    override, where = spec.get("hostnameOverride"), f"{path}.hostnameOverride"
    if override is None:
        return
    if spec.get("setHostnameAsFQDN"):
        findings.forbidden(where, "may not be specified when setHostnameAsFQDN is true")
    if spec.get("hostNetwork"):
        findings.forbidden(where, "may not be specified when hostNetwork is true")
    if len(override.encode()) > 64:
        findings.too_long(where, 64, hint="choose a shorter name")
    findings.invalid(where, override, *names.dns_subdomain(override), hint="use lower case letters, digits, - and .")


def _validate_system(findings: Findings, spec: Values, path: str) -> None:
    """The host's user namespace, and what another operating system would need."""
    containers = _all_containers(spec, path)
    if spec.get("hostUsers") is False:
        detail = "when `hostUsers` is false"
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            if spec.get(field):
                findings.forbidden(f"{path}.{field}", detail)
        for where, container in containers:
            if container.get("volumeDevices"):
                findings.forbidden(f"{where}.volumeDevices", detail)
    windows = any("windowsOptions" in holder.get("securityContext", {}) for _where, holder in [(path, spec), *containers])
    if windows or "os" in spec:
        from ecirun.spec.validate_windows import validate_host_process, validate_os

        validate_host_process(findings, spec, containers, path)
        if "os" in spec:
            validate_os(findings, spec, containers, path)
