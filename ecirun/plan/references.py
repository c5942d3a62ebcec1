"""What a pod's env and volumes take from elsewhere: ConfigMaps, Secrets, the pod itself, its resources.

Rules: Kubernetes pkg/kubelet/kubelet_pods.go (podFieldSelectorRuntimeValue, containerResourceRuntimeValue),
pkg/fieldpath/fieldpath.go, pkg/api/v1/resource/helpers.go. There is no cluster to ask: ConfigMaps and Secrets are those of
the same input and of `--with`, the node is the virtual one that ECI's pods have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ecirun.errors import ReferenceMissing
from ecirun.plan.facts import Objects
from ecirun.plan.model import Network, Size
from ecirun.spec.pod import Container, Pod

NODE = "virtual-kubelet"
BEFORE_KIND = {"ConfigMap": "configmap", "Secret": "secret"}

_SUBSCRIPT = r"(?s)metadata\.(labels|annotations)\['(.*)'\]"


class Surroundings:
    """What the references of one pod are looked up in."""

    def __init__(self, pod: Pod, uid: str, network: Network, size: Size, objects: Objects, *, lenient: bool = False) -> None:
        self.pod = pod
        self.lenient = lenient
        self.warnings: list[str] = []
        self.uid = uid
        self.network = network
        self.size = size
        self.objects = objects

    def assume(self, what: str, error: ReferenceMissing) -> None:
        """Go on without what is missing where only a plan is wanted; else raises the error."""
        if not self.lenient:
            raise error
        text = f"{what}: {error.message}: left out here; the pod would not run so"
        if text not in self.warnings:
            self.warnings.append(text)

    def data(self, kind: str, name: str, *, optional: bool) -> Mapping[str, bytes] | None:
        """The data of a ConfigMap or Secret; None when it is not there and need not be. Raises ReferenceMissing."""
        found = self.objects.get((kind, self.pod.namespace, name))
        if found is None and not optional:
            raise ReferenceMissing(
                f'{BEFORE_KIND[kind]} "{name}" not found',
                hint=f"give the {kind} in the same file, or in another with --with FILE",
            )
        return found

    def value(self, kind: str, options: Mapping[str, Any]) -> bytes | None:
        """The value of a configMapKeyRef or secretKeyRef (`kind` ConfigMap or Secret); None when it need not be there."""
        optional = bool(options.get("optional"))
        name, key = options.get("name", ""), options.get("key", "")
        data = self.data(kind, name, optional=optional)
        if data is None:
            return None
        if key not in data and not optional:
            raise ReferenceMissing(
                f"couldn't find key {key} in {kind} {self.pod.namespace}/{name}",
                hint="choose one of " + ", ".join(sorted(data)) if data else f"give the {kind} that key",
            )
        return data.get(key)

    def field(self, path: str) -> str:
        """The value of a fieldRef."""
        pod = self.pod
        if match := re.fullmatch(_SUBSCRIPT, path):
            return (pod.labels if match[1] == "labels" else pod.annotations).get(match[2], "")
        known = {
            "metadata.name": pod.name,
            "metadata.namespace": pod.namespace,
            "metadata.uid": self.uid,
            "metadata.labels": _as_lines(pod.labels),
            "metadata.annotations": _as_lines(pod.annotations),
            "spec.nodeName": NODE,
            "spec.serviceAccountName": pod.service_account_name or "default",
            "status.podIP": self.network.address,
            "status.podIPs": self.network.address,
            # Every ECI pod is a machine of its own.
            "status.hostIP": self.network.address,
            "status.hostIPs": self.network.address,
        }
        if path not in known:
            raise ReferenceMissing(f"unsupported fieldPath: {path}", hint="choose one of " + ", ".join(sorted(known)))
        return known[path]

    def resource(self, container: Container, options: Mapping[str, Any]) -> str:
        """The value of a resourceFieldRef; `container` is the one that it stands in, which it may leave for another."""
        from ecirun.spec.quantity import BILLION, Quantity, parse_quantity

        name = options.get("containerName") or container.name
        named = next((entry for entry in (*self.pod.init_containers, *self.pod.containers) if entry.name == name), None)
        if named is None:
            raise ReferenceMissing(f"container {name} not found", hint="name a container of the pod in containerName")
        family, _, resource = options.get("resource", "").partition(".")
        amounts = {"limits": named.limits, "requests": named.requests}.get(family)
        if amounts is None or not resource:
            raise ReferenceMissing(
                f"unsupported container resource : {options.get('resource', '')}",
                hint="choose limits.cpu, limits.memory, requests.cpu or requests.memory",
            )
        # A limit that is not set is what the node could give, and the node is the pod's own machine.
        node = {"cpu": Quantity(int(self.size.cpu * BILLION)), "memory": Quantity(int(self.size.memory * 2**30) * BILLION)}
        amount = amounts.get(resource) or (node.get(resource) if family == "limits" else None) or Quantity(0)
        return str(amount.divided_by(parse_quantity(options.get("divisor") or "1")))


def _as_lines(entries: Mapping[str, str]) -> str:
    return "\n".join(f"{key}={_quoted(entries[key])}" for key in sorted(entries))


def _quoted(text: str) -> str:
    # Go's %q; what it escapes otherwise than JSON does not occur in labels, and hardly ever in annotations.
    return json.dumps(text, ensure_ascii=False)
