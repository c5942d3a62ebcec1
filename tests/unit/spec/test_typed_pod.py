"""The typed pod: everything that a spec says, with Kubernetes' defaults and the field paths."""

from __future__ import annotations

import pytest
from reading import container_of, pod_of, reading_of
from running import pod_yaml

from ecirun.spec.pod import Choice, EnvVar, Port, VolumeMount
from ecirun.spec.pod_parts import DNSConfig, EnvFrom, HostAlias, Lifecycle, Probe

AT = "spec.containers[0]"


def test_a_minimal_pod_has_kubernetes_defaults():
    pod = pod_of()
    assert (pod.kind, pod.name, pod.namespace, pod.prefix) == ("Pod", "test", "default", "")
    assert (pod.restart_policy, pod.dns_policy, pod.termination_grace_period_seconds) == (None, "ClusterFirst", 30)
    assert (pod.enable_service_links, pod.service_account_name, pod.active_deadline_seconds) == (True, "", None)
    assert (pod.set_hostname_as_fqdn, pod.share_process_namespace, pod.subdomain, pod.dns_config) == (False, False, None, None)
    assert (pod.host_aliases, pod.limits, pod.requests, pod.labels) == ((), {}, {}, {})
    assert pod.security_context.fs_group_change_policy == "Always"
    container = pod.containers[0]
    assert (container.name, container.image, container.path) == ("main", "busybox", AT)
    assert (container.command, container.args, container.working_dir) == (None, None, None)
    assert (container.stdin, container.stdin_once, container.tty, container.restart_policy) == (False, False, False, None)
    assert (container.termination_message_path, container.termination_message_policy) == ("/dev/termination-log", "File")
    assert (container.liveness_probe, container.lifecycle, container.env_from, container.limits) == (None, None, (), {})


def test_fields_of_the_pod():
    pod = pod_of(
        pod=(
            "hostname: a\nsubdomain: b\nsetHostnameAsFQDN: true\nactiveDeadlineSeconds: 60\nserviceAccountName: runner\n"
            "enableServiceLinks: false\nrestartPolicy: OnFailure\nterminationGracePeriodSeconds: 5\ndnsPolicy: None\n"
            "dnsConfig: {nameservers: [10.0.0.1], searches: [a.b], options: [{name: ndots, value: '2'}, {name: edns0}]}\n"
            "hostAliases: [{ip: 10.0.0.2, hostnames: [c, d.e]}]\nresources: {limits: {cpu: 2}, requests: {memory: 1Gi}}\n"
            "securityContext: {fsGroup: 5, fsGroupChangePolicy: OnRootMismatch}\n"
        )
    )
    assert (pod.hostname, pod.subdomain, pod.set_hostname_as_fqdn) == ("a", "b", True)
    assert (pod.active_deadline_seconds, pod.service_account_name, pod.enable_service_links) == (60, "runner", False)
    assert (pod.restart_policy, pod.termination_grace_period_seconds, pod.dns_policy) == ("OnFailure", 5, "None")
    assert pod.dns_config == DNSConfig(("10.0.0.1",), ("a.b",), (("ndots", "2"), ("edns0", None)))
    assert pod.host_aliases == (HostAlias("10.0.0.2", ("c", "d.e")),)
    assert {name: amount.canonical() for name, amount in pod.requests.items()} == {"cpu": "2", "memory": "1Gi"}
    assert (pod.security_context.fs_group, pod.security_context.fs_group_change_policy) == (5, "OnRootMismatch")


def test_a_grace_period_below_zero_counts_as_one_second():
    assert pod_of(pod="terminationGracePeriodSeconds: -1").termination_grace_period_seconds == 1


def test_the_older_name_of_the_service_account_is_read_too():
    assert pod_of(pod="serviceAccount: runner").service_account_name == "runner"


@pytest.mark.parametrize(
    ("source", "kind", "options"),
    [
        ("fieldRef: {fieldPath: metadata.name}", "fieldRef", {"apiVersion": "v1", "fieldPath": "metadata.name"}),
        ("resourceFieldRef: {resource: limits.cpu}", "resourceFieldRef", {"divisor": "1", "resource": "limits.cpu"}),
        (
            "resourceFieldRef: {resource: limits.memory, divisor: 1Mi, containerName: main}",
            "resourceFieldRef",
            {"divisor": "1Mi", "resource": "limits.memory", "containerName": "main"},
        ),
        ("configMapKeyRef: {name: a, key: b, optional: true}", "configMapKeyRef", {"name": "a", "key": "b", "optional": True}),
        ("secretKeyRef: {name: a, key: b}", "secretKeyRef", {"name": "a", "key": "b"}),
    ],
)
def test_a_variable_from_elsewhere_says_from_where(source, kind, options):
    container = container_of(f"env: [{{name: A, value: b}}, {{name: C, valueFrom: {{{source}}}}}]")
    assert container.env == (
        EnvVar("A", "b", None, f"{AT}.env[0]"),
        EnvVar("C", "", Choice(kind, options, f"{AT}.env[1].valueFrom.{kind}"), f"{AT}.env[1]"),
    )


def test_variables_from_whole_objects_come_in_order():
    container = container_of("envFrom: [{prefix: A_, configMapRef: {name: a}}, {secretRef: {name: b, optional: true}}]")
    assert container.env_from == (
        EnvFrom("A_", Choice("configMapRef", {"name": "a"}, f"{AT}.envFrom[0].configMapRef"), f"{AT}.envFrom[0]"),
        EnvFrom("", Choice("secretRef", {"name": "b", "optional": True}, f"{AT}.envFrom[1].secretRef"), f"{AT}.envFrom[1]"),
    )


def test_ports_in_full():
    container = container_of("ports: [{containerPort: 80}, {name: dns, containerPort: 53, protocol: UDP, hostIP: 10.0.0.1}]")
    assert container.ports == (
        Port(None, None, f"{AT}.ports[0]", 80, "", "TCP"),
        Port(None, "10.0.0.1", f"{AT}.ports[1]", 53, "dns", "UDP"),
    )


@pytest.mark.parametrize(
    ("handler", "kind", "options"),
    [
        ("exec: {command: [cat, /tmp/a]}", "exec", {"command": ["cat", "/tmp/a"]}),
        ("httpGet: {port: 80}", "httpGet", {"path": "/", "scheme": "HTTP", "port": 80}),
        (
            "httpGet: {port: web, path: /ok, scheme: HTTPS, host: a, httpHeaders: [{name: X-A, value: b}]}",
            "httpGet",
            {"path": "/ok", "scheme": "HTTPS", "port": "web", "host": "a", "httpHeaders": [{"name": "X-A", "value": "b"}]},
        ),
        ("tcpSocket: {port: 80}", "tcpSocket", {"port": 80}),
        ("grpc: {port: 80}", "grpc", {"port": 80}),
    ],
)
def test_a_probe_has_kubernetes_defaults(handler, kind, options):
    probe = container_of(f"startupProbe: {{{handler}, timeoutSeconds: 0}}").startup_probe
    assert probe == Probe(Choice(kind, options, f"{AT}.startupProbe.{kind}"), f"{AT}.startupProbe")
    assert probe[2:] == (0, 1, 10, 1, 3, None)


def test_a_probe_in_full():
    probe = container_of(
        "livenessProbe: {exec: {command: [a]}, initialDelaySeconds: 1, timeoutSeconds: 2, periodSeconds: 3, "
        "successThreshold: 1, failureThreshold: 5, terminationGracePeriodSeconds: 6}"
    ).liveness_probe
    assert probe is not None
    assert probe[2:] == (1, 2, 3, 1, 5, 6)


def test_hooks_and_the_stop_signal():
    lifecycle = container_of(
        "lifecycle: {postStart: {exec: {command: [a]}}, preStop: {sleep: {seconds: 3}}, stopSignal: SIGUSR1}",
        pod="os: {name: linux}",
    ).lifecycle
    assert lifecycle == Lifecycle(
        Choice("exec", {"command": ["a"]}, f"{AT}.lifecycle.postStart.exec"),
        Choice("sleep", {"seconds": 3}, f"{AT}.lifecycle.preStop.sleep"),
        "SIGUSR1",
    )


def test_a_request_is_the_limit_where_the_spec_leaves_it_out():
    container = container_of("resources: {limits: {cpu: 0.5, memory: 1.5Gi}, requests: {cpu: 100m, ephemeral-storage: 1e3}}")
    assert {name: amount.canonical() for name, amount in container.limits.items()} == {"cpu": "500m", "memory": "1536Mi"}
    assert {name: amount.canonical() for name, amount in container.requests.items()} == {
        "cpu": "100m",
        "memory": "1536Mi",
        "ephemeral-storage": "1k",
    }
    assert container.memory_limit == 1536 * 1024 * 1024


def test_mounts_in_full():
    container = container_of(
        "volumeMounts: [{name: v, mountPath: /a}, {name: v, mountPath: /b, readOnly: true, subPathExpr: $(A), "
        "mountPropagation: HostToContainer}, "
        "{name: v, mountPath: /c, subPath: d, readOnly: true, recursiveReadOnly: IfPossible}]",
        pod="volumes: [{name: v}]",
    )
    assert container.volume_mounts == (
        VolumeMount("v", "/a", False, f"{AT}.volumeMounts[0]"),
        VolumeMount("v", "/b", True, f"{AT}.volumeMounts[1]", "", "$(A)", "HostToContainer", "Disabled"),
        VolumeMount("v", "/c", True, f"{AT}.volumeMounts[2]", "d", "", "None", "IfPossible"),
    )


@pytest.mark.parametrize(
    ("source", "kind", "options"),
    [
        ("name: v", "emptyDir", {}),
        ("name: v, emptyDir: {medium: Memory, sizeLimit: 64Mi}", "emptyDir", {"medium": "Memory", "sizeLimit": "64Mi"}),
        ("name: v, configMap: {name: a}", "configMap", {"defaultMode": 0o644, "name": "a"}),
        ("name: v, secret: {secretName: a, defaultMode: 0400}", "secret", {"defaultMode": 0o400, "secretName": "a"}),
        ("name: v, persistentVolumeClaim: {claimName: a}", "persistentVolumeClaim", {"claimName": "a"}),
        (
            "name: v, projected: {sources: [{configMap: {name: a, items: [{key: b, path: c, mode: 0600}]}}]}",
            "projected",
            {
                "defaultMode": 0o644,
                "sources": [{"configMap": {"name": "a", "items": [{"key": "b", "path": "c", "mode": 0o600}]}}],
            },
        ),
        (
            "downwardAPI: {items: [{path: a, fieldRef: {fieldPath: metadata.labels}}]}, name: v",
            "downwardAPI",
            {"defaultMode": 0o644, "items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.labels"}}]},
        ),
    ],
)
def test_a_volume_has_its_source_and_kubernetes_defaults(source, kind, options):
    (volume,) = pod_of(pod=f"volumes: [{{{source}}}]").volumes
    assert volume == ("v", kind, options, "spec.volumes[0]")


def test_init_containers_and_sidecars():
    pod = pod_of(pod="initContainers: [{name: a, image: b}, {name: c, image: d, restartPolicy: Always}]")
    assert [(entry.name, entry.restart_policy, entry.path) for entry in pod.init_containers] == [
        ("a", None, "spec.initContainers[0]"),
        ("c", "Always", "spec.initContainers[1]"),
    ]


def test_the_pod_of_a_template_has_the_owners_name_and_its_own_labels():
    pod = reading_of(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nightly, namespace: web, labels: {a: owner}}\nspec:\n"
        "  schedule: '0 3 * * *'\n  jobTemplate:\n    spec:\n      template:\n        metadata: {labels: {a: pod}}\n"
        "        spec:\n          restartPolicy: Never\n          containers: [{name: main, image: busybox}]\n"
    ).pod
    assert pod is not None
    assert (pod.kind, pod.name, pod.namespace, pod.labels) == ("CronJob", "nightly", "web", {"a": "pod"})
    assert (pod.prefix, pod.containers[0].path) == (
        "spec.jobTemplate.spec.template.",
        "spec.jobTemplate.spec.template.spec.containers[0]",
    )


def test_the_claims_of_a_stateful_set_are_volumes_of_its_first_pod():
    reading = reading_of(
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec:\n  selector: {matchLabels: {a: b}}\n"
        "  volumeClaimTemplates: [{metadata: {name: data}}]\n  template:\n    metadata: {labels: {a: b}}\n    spec:\n"
        "      containers: [{name: main, image: busybox, volumeMounts: [{name: data, mountPath: /data}]}]\n"
    )
    assert [finding.path for finding in reading.findings if finding.severity == "error"] == []
    assert reading.pod is not None
    assert reading.pod.volumes == (
        ("data", "persistentVolumeClaim", {"claimName": "data-db-0"}, "spec.volumeClaimTemplates[0]"),
    )


def test_every_value_of_a_pod_knows_its_place():
    pod = reading_of(pod_yaml(container="env:\n- name: A\n  value: b", pod="securityContext: {runAsUser: 5}")).pod
    assert pod is not None
    places = {
        path: str(pod.where(path)) for path in ("spec.securityContext.runAsUser", f"{AT}.env[0].value", f"{AT}.tty", "x.y")
    }
    assert places == {
        "spec.securityContext.runAsUser": "pod.yaml:6:32",
        f"{AT}.env[0].value": "pod.yaml:12:14",
        f"{AT}.tty": "pod.yaml:8:5",
        "x.y": "pod.yaml:1:1",
    }
